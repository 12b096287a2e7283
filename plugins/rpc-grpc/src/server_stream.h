// One call on the server side: a gRPC reactor that drives a signet_rpc_handler.
#pragma once

#include <deque>
#include <memory>
#include <string>

#include <grpcpp/generic/async_generic_service.h>

#include "call_record.h"
#include "connection.h"
#include "method.h"
#include "stream.h"

namespace signet::rpc_grpc {

class ServerStream final : public Stream, public grpc::ServerGenericBidiReactor {
 public:
  ServerStream(const Method& method, const Owner* owner, CallCounter* counter, PeerPtr peer,
               grpc::GenericCallbackServerContext* context);
  /// Asks the handler's open(). Call once, before the reactor is handed to gRPC.
  void open();

  void read() override;
  void finish(signet_blob* last, signet_status code, signet_str message,
              signet_bytes detail) override;
  void audit(signet_str key, signet_str value) override;
  std::size_t metadata(signet_str key, signet_str* values, std::size_t max) override;
  int64_t deadline() const override;
  const signet_rpc_peer* peer() const override { return &peer_->abi; }

 private:
  ~ServerStream() override = default;
  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

  void overloaded() override;
  void advance() override;
  void run_done() override;
  void request_finish(grpc::Status status);

  const Method& method_;
  CallCounter* const counter_;
  const PeerPtr peer_;  // outlives its connection
  grpc::GenericCallbackServerContext* context_;
  CallRecord record_;
  std::unique_ptr<grpc::Status> end_;  // set when the handler (or a cancel) ends the call
  bool end_started_ = false;
  signet_status end_code_ = SIGNET_OK;
  std::unique_ptr<std::deque<std::string>> metadata_;  // copies: gRPC's go before done()
};

}  // namespace signet::rpc_grpc
