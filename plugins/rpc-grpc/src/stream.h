// Stream: what `signet_rpc_stream *` points at, on both sides.
//
// It keeps the handler's promises: callbacks come one at a time, on a worker (or, for INLINE
// handlers, on the transport's thread), never from within a function the handler has called, and
// `done` is the last. Writes queue up to a high mark; reads follow credits.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include <grpcpp/support/byte_buffer.h>

#include "signet/abi/rpc.h"

#include "runtime.h"

namespace signet::rpc_grpc {

class Stream {
 public:
  static constexpr std::size_t kHighMark = 1024 * 1024;  // bytes queued, refused above
  static constexpr std::size_t kLowMark = 256 * 1024;    // writable() comes under it

  static Stream* from_abi(signet_rpc_stream* s) { return reinterpret_cast<Stream*>(s); }
  static const Stream* from_abi(const signet_rpc_stream* s) {
    return reinterpret_cast<const Stream*>(s);
  }
  signet_rpc_stream* abi() { return reinterpret_cast<signet_rpc_stream*>(this); }

  // The functions of signet_host_rpc, see abi/rpc.h. On the wrong side they do nothing.
  virtual void read() = 0;
  signet_status write(signet_blob* blob);
  virtual void finish(signet_blob* last, signet_status code, signet_str message,
                      signet_bytes detail);
  virtual void half_close() {}
  virtual void cancel() {}
  virtual void audit(signet_str, signet_str) {}
  virtual std::size_t metadata(signet_str, signet_str*, std::size_t) { return 0; }
  virtual int64_t deadline() const = 0;
  virtual const signet_rpc_peer* peer() const = 0;
  bool cancelled() const;

 protected:
  struct Event {
    enum Kind : uint8_t { kMessage, kBytes, kHalfClose, kWritable, kDone };
    Kind kind;
    grpc::ByteBuffer message{};  // kMessage: from gRPC's client
    std::string bytes{};         // kBytes: a message from our own server
  };

  Stream(const signet_rpc_handler* handler, const Owner* owner);
  virtual ~Stream();

  /// Queues an event. Under mutex_, so that the order of events is the order of their causes.
  /// True: nobody runs events now; call run_events() after unlocking.
  [[nodiscard]] bool queue_event(Event event);
  /// Runs what is queued, here or on a worker. Not under mutex_. The object may be gone
  /// afterwards. on_transport: this is a thread of the transport's with no handler below it.
  void run_events(bool on_transport = true);
  /// The workers' queue is full: end the call with RESOURCE_EXHAUSTED.
  virtual void overloaded() = 0;
  /// Starts what can be started: the next write, the end of the call. Under mutex_.
  virtual void advance() = 0;
  virtual void run_done() = 0;

  void drop_queue();
  bool has_queue() const { return next_write_ < queue_.size(); }

  const signet_rpc_handler* const handler_;
  const Owner* const owner_;
  void* state_ = nullptr;  // the handler's `st`
  mutable std::mutex mutex_;
  std::vector<signet_blob*> queue_;
  uint32_t next_write_ = 0;  // index into queue_
  uint32_t credits_ = 0;
  std::size_t queued_bytes_ = 0;  // with the one being written
  bool wants_writable_ = false;
  bool closed_ = false;  // no message can be written any more
  bool cancelled_ = false;
  bool silent_ = false;  // the handler never took the call: no callbacks

 private:
  static void drain_on_worker(void* self);
  void drain();
  void run(Event& event);

  bool running_ = false;
  std::vector<Event> events_;
};

}  // namespace signet::rpc_grpc
