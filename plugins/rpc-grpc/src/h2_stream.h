// One call of our own HTTP/2 server: gRPC's framing between nghttp2 and a signet_rpc_handler.
//
// What handlers call, on any thread, changes state under the mutex and kicks the stream; the
// loop's thread then does what follows in serve(). nghttp2 is thus never entered from within one
// of its own callbacks. The object goes when the handler is done and no kick names it.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include <nghttp2/nghttp2.h>

#include "call_record.h"
#include "connection.h"
#include "h2_loop.h"
#include "method.h"
#include "stream.h"

namespace signet::rpc_grpc {

class H2Connection;
class H2Request;

class H2Stream final : public Stream, public Timed {
 public:
  H2Stream(H2Connection* connection, int32_t id, const Method& method, PeerPtr peer,
           H2Request& request);

  void read() override;
  void finish(signet_blob* last, signet_status code, signet_str message,
              signet_bytes detail) override;
  void audit(signet_str key, signet_str value) override;
  std::size_t metadata(signet_str key, signet_str* values, std::size_t max) override;
  int64_t deadline() const override { return deadline_ns_; }
  const signet_rpc_peer* peer() const override { return &peer_->abi; }

  // The rest is for the loop's thread.
  /// Asks the handler's open(). Once.
  void open();
  /// Bytes of DATA frames.
  void received(std::string_view bytes);
  /// The caller sends no more.
  void caller_ended();
  /// Does what the handler has asked for.
  void serve();
  /// Puts the next `size` bytes of the answer into the connection's write buffer.
  void write_data(std::size_t size);
  /// The write buffer has room again.
  void resume();
  H2Stream* next() const { return next_; }
  void trailers_went_out() { trailers_sent_ = true; }
  /// The stream is closed, or its connection: done() follows.
  void detach();
  void unref();

 private:
  static constexpr std::size_t kPrefix = 5;  // a message's: compressed flag, length

  struct End {
    signet_status code;
    std::string message;
    std::string details;
  };

  ~H2Stream() override = default;  // see unref()
  static ssize_t read_data(nghttp2_session*, int32_t, uint8_t*, std::size_t length, uint32_t* flags,
                           nghttp2_data_source* source, void*);
  ssize_t provide(std::size_t length, uint32_t* flags);
  void overloaded() override;
  void advance() override;  // under mutex_, like the next
  void end_call(signet_status code, std::string message, std::string details = {});
  void run_done() override;
  void expired() override;
  void fail(signet_status code, std::string message);
  void deliver();
  void let_go(std::size_t bytes);
  void respond();
  void reset();

  // Loop thread.
  H2Connection* connection_;  // null once detached
  H2Stream* next_ = nullptr;  // on the connection
  H2Stream* previous_ = nullptr;
  const int32_t id_;
  uint32_t unconsumed_ = 0;  // received, and not yet given back to the caller's window
  std::size_t held_ = 0;     // bytes of incoming_ and waiting_, as the connection counts them
  uint32_t expected_ = 0;    // size of the message that is coming in
  uint8_t prefix_[kPrefix];
  uint8_t prefix_have_ = 0;
  bool compressed_;         // the request names an encoding
  bool deaf_ = false;       // what comes in is not wanted
  bool responded_ = false;  // HEADERS are submitted
  bool trailers_sent_ = false;
  bool remote_closed_ = false;
  bool half_close_told_ = false;
  bool starved_ = false;  // waits for room in the write buffer
  std::string incoming_;
  std::vector<std::string> waiting_;  // whole messages without a credit

  // Any thread.
  H2Loop& loop_;
  const Method& method_;
  CallCounter* const counter_;
  PeerPtr peer_;  // until done()
  int64_t deadline_ns_ = INT64_MAX;
  std::string metadata_;  // packed; constant
  std::atomic<uint32_t> refs_{1};
  std::atomic<bool> kicked_{false};
  // Under mutex_.
  CallRecord record_;
  std::size_t written_ = 0;  // of the message at the queue's head, with its prefix
  std::unique_ptr<End> end_;
  signet_status end_code_ = SIGNET_OK;
};

}  // namespace signet::rpc_grpc
