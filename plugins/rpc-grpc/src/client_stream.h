// One call on the client side.
//
// One message is always read ahead, because gRPC tells the end of a call only to a reader; the
// handler still gets a message for a credit only.
#pragma once

#include <string>

#include <grpcpp/client_context.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/client_callback.h>

#include "connection.h"
#include "stream.h"

namespace signet::rpc_grpc {

class ClientConnection;

class ClientStream final : public Stream,
                           public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  /// first: the first message, may be null; its reference is taken over.
  ClientStream(ClientConnection* connection, std::string method, const signet_rpc_handler* handler,
               void* st, int64_t deadline_ns, signet_blob* first);
  grpc::ClientContext& context() { return context_; }
  /// Begins. Once, and this or fail().
  void start(const std::shared_ptr<grpc::Channel>& channel);
  /// Ends a call that never began.
  void fail(grpc::Status status);

  void read() override;
  void half_close() override;
  void cancel() override;
  int64_t deadline() const override { return deadline_ns_; }
  const signet_rpc_peer* peer() const override { return peer_ ? &peer_->abi : nullptr; }

 private:
  ~ClientStream() override = default;
  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnDone(const grpc::Status& status) override;

  void overloaded() override;
  void advance() override;
  void run_done() override;
  /// Takes the head of the queue into out_. Under mutex_; the queue is not empty.
  void take_next_write();
  /// After a write went out. True: the handler waits for writable() and may go on.
  bool write_finished();
  void end(grpc::Status status, bool on_transport);

  ClientConnection* const connection_;
  const std::string method_;
  PeerPtr peer_;  // until done(): the server when the call was made, if the channel knew one
  const int64_t deadline_ns_;
  grpc::ClientContext context_;
  grpc::ByteBuffer in_;
  grpc::ByteBuffer out_;
  std::size_t writing_bytes_ = 0;
  bool write_active_ = false;
  bool read_active_ = false;
  bool started_ = false;
  bool have_message_ = false;  // in_ holds one that has no credit yet
  bool ended_ = false;         // the last read came back empty: nothing may be started any more
  bool half_close_wanted_ = false;
  bool half_closed_ = false;
  grpc::Status status_;
};

}  // namespace signet::rpc_grpc
