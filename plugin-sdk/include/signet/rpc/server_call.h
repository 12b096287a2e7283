// ServerCall: one gRPC call as its handler sees it.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "signet/abi/rpc.h"
#include "signet/host.h"
#include "signet/rpc/error_detail.h"
#include "signet/rpc/peer.h"

namespace signet {

// One call on the server side. Safe to hold and use from any thread for as long as one likes:
// after the call is over its functions do nothing.
class ServerCall : public std::enable_shared_from_this<ServerCall> {
 public:
  ServerCall(const Host& host, const signet_host_rpc* api, signet_rpc_stream* stream,
             const RpcPeer& peer, const std::string& method)
      : host_(host), api_(api), stream_(stream), peer_(&peer), method_(method) {}
  virtual ~ServerCall() = default;

  /// Only before the call is over (inside its handler, or while the stream is open).
  const RpcPeer& peer() const { return *peer_; }
  const std::string& method() const { return method_; }
  const Host& host() const { return host_; }
  bool over() const {
    std::lock_guard lock(mutex_);
    return stream_ == nullptr || finished_;
  }
  int64_t deadline_ns() const {
    std::lock_guard lock(mutex_);
    return stream_ ? api_->deadline(stream_) : 0;
  }
  std::vector<std::string> metadata(std::string_view key) const {
    std::lock_guard lock(mutex_);
    std::vector<std::string> out;
    signet_str values[4];
    const std::size_t n = stream_ ? api_->metadata(stream_, to_abi(key), values, 4) : 0;
    for (std::size_t i = 0; i < n && i < 4; ++i) out.emplace_back(view(values[i]));
    if (n > 4) out.resize(n);  // more than any caller wants; the count is what matters
    return out;
  }
  void audit(std::string_view key, std::string_view value) {
    std::lock_guard lock(mutex_);
    if (stream_ && !finished_) api_->audit(stream_, to_abi(key), to_abi(value));
  }
  /// One message. RESOURCE_EXHAUSTED: the peer reads too slowly; on_writable tells when to go on.
  Status send(Blob blob) {
    std::lock_guard lock(mutex_);
    if (!stream_ || finished_) return Status::cancelled("the call is over");
    const signet_status code = api_->write(stream_, blob.get());
    if (code == SIGNET_OK) {
      (void)blob.release();
      return {};
    }
    return Status(static_cast<Code>(code), "the peer reads too slowly");
  }
  template <typename M>
  Status send_message(const M& message, bool secret = false) {
    return send(host_.blob_of(message, secret));
  }
  void finish(const Status& status) { finish_raw(Blob(), status); }
  void finish_with(Blob last) { finish_raw(std::move(last), Status()); }
  template <typename M>
  void finish_message(const M& message, bool secret = false) {
    finish_raw(host_.blob_of(message, secret), Status());
  }
  /// Reads a message of the client's, or finishes the call as gRPC servers do and gives false.
  template <typename M>
  bool parse(std::string_view bytes, M& message) {
    if (message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return true;
    finish(Status::internal("grpc: error unmarshalling request"));
    return false;
  }
  /// Asks for one more message of the client's (streams of many).
  void read() {
    std::lock_guard lock(mutex_);
    if (stream_) api_->read(stream_);
  }

  // What authorize() found out and the handler wants to know, such as who the caller is.
  std::shared_ptr<void> attachment;

  // Set in the handler, before it returns; called one at a time.
  std::function<void(std::string_view)> on_message;
  std::function<void()> on_half_close;
  std::function<void()> on_writable;
  std::function<void()> on_done;  // last; also after a cancel

 private:
  friend class RpcListener;
  void finish_raw(Blob last, const Status& status) {
    const std::string any = status.detail() ? encode_any(*status.detail()) : std::string();
    std::lock_guard lock(mutex_);
    if (!stream_ || finished_) return;
    finished_ = true;
    api_->finish(stream_, last.release(), static_cast<signet_status>(status.code()),
                 to_abi(status.message()), bytes_to_abi(any));
  }
  void gone() {
    {
      std::lock_guard lock(mutex_);
      stream_ = nullptr;
    }
    if (on_done) on_done();
    on_message = nullptr;  // these may hold the call itself
    on_half_close = nullptr;
    on_writable = nullptr;
    on_done = nullptr;
  }

  const Host host_;
  const signet_host_rpc* api_;
  mutable std::mutex mutex_;
  signet_rpc_stream* stream_;  // null once the call is over
  const RpcPeer* peer_;
  const std::string& method_;
  bool finished_ = false;
};

}  // namespace signet
