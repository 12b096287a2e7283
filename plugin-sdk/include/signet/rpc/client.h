// RpcConnection and ClientCall: gRPC calls to somebody else, in terms of messages (as listener.h
// says). They block: from a worker only.
//
//   SIGNET_TRY(auto server, RpcConnection::create(host, "unix:/run/x.sock", "{}", nullptr));
//   Result<Resp> answer = server->call<Resp>("/pkg.Service/Get", request, host.deadline_in(30s));
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string.h>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "signet/abi/rpc.h"
#include "signet/host.h"
#include "signet/rpc/acceptor.h"
#include "signet/rpc/error_detail.h"

namespace signet {

// One call on the client side. read() and finish() block: from a worker only.
class ClientCall {
 public:
  using OnMessage = std::function<void(std::string_view)>;
  using OnDone = std::function<void(Status)>;
  ~ClientCall() {
    cancel();
    std::unique_lock lock(state_->mutex);
    state_->changed.wait(lock, [&] { return state_->done; });
  }

  template <typename M>
  Status send(const M& message) {
    Blob blob = state_->host.blob_of(message);
    std::lock_guard lock(state_->mutex);
    if (state_->done)
      return state_->status.ok() ? Status::cancelled("the call is over") : state_->status;
    const signet_status code = state_->api->write(state_->stream, blob.get());
    if (code != SIGNET_OK) return Status(static_cast<Code>(code), "the server reads too slowly");
    (void)blob.release();
    return {};
  }
  void half_close() {
    std::lock_guard lock(state_->mutex);
    if (!state_->done) state_->api->half_close(state_->stream);
  }
  void cancel() {
    std::lock_guard lock(state_->mutex);
    if (!state_->done) state_->api->cancel(state_->stream);
  }
  /// The next message; nullopt at the stream's good end; the error at a bad one.
  template <typename M>
  Result<std::optional<M>> read() {
    std::unique_lock lock(state_->mutex);
    state_->changed.wait(lock, [&] { return !state_->messages.empty() || state_->done; });
    if (state_->messages.empty()) {
      if (!state_->status.ok()) return state_->status;
      return std::optional<M>();
    }
    const Received received = std::move(state_->messages.front());
    state_->messages.pop_front();
    const std::string& bytes = received.bytes;
    if (!state_->done) state_->api->read(state_->stream);
    lock.unlock();
    std::optional<M> message(std::in_place);
    if (!message->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
      return Status::internal("the answer cannot be parsed");
    }
    return message;
  }
  /// The one answer of a unary method: half-closes and waits for it and for the end.
  template <typename M>
  Result<M> answer() {
    half_close();
    SIGNET_TRY(std::optional<M> message, read<M>());
    SIGNET_RETURN_IF_ERROR(finish());
    if (!message) return Status::internal("the server sent no answer");
    return std::move(*message);
  }
  /// Waits for the end. Unread messages are dropped.
  Status finish() {
    std::unique_lock lock(state_->mutex);
    while (!state_->done) {
      if (!state_->messages.empty()) {
        state_->messages.clear();
        state_->api->read(state_->stream);
      }
      state_->changed.wait(lock);
    }
    return state_->status;
  }

 private:
  friend class RpcConnection;
  // Answers may hold private keys.
  struct Received {
    explicit Received(std::string_view message) : bytes(message) {}
    Received(Received&& other) noexcept : bytes(std::move(other.bytes)) {}
    Received& operator=(Received&&) = delete;
    ~Received() { explicit_bzero(bytes.data(), bytes.size()); }
    std::string bytes;
  };
  struct State {
    Host host;
    const signet_host_rpc* api = nullptr;
    std::mutex mutex;
    std::condition_variable changed;
    signet_rpc_stream* stream = nullptr;
    std::deque<Received> messages;
    bool done = false;
    Status status;
  };
  explicit ClientCall(std::shared_ptr<State> state) : state_(std::move(state)) {}

  static const signet_rpc_handler* table() {
    static const signet_rpc_handler kTable = {
        sizeof(signet_rpc_handler),
        SIGNET_RPC_INLINE | SIGNET_RPC_CLIENT_STREAM,  // the caller half-closes when it is done
        nullptr,
        [](void* st, signet_rpc_stream*, signet_bytes bytes) {
          auto& s = **static_cast<std::shared_ptr<State>*>(st);
          std::lock_guard lock(s.mutex);
          s.messages.emplace_back(view(bytes));
          s.changed.notify_all();
        },
        nullptr,
        nullptr,
        [](void* st, signet_rpc_stream*, signet_status code, signet_str message, signet_bytes any) {
          std::unique_ptr<std::shared_ptr<State>> holder(static_cast<std::shared_ptr<State>*>(st));
          State& s = **holder;
          Status status;
          if (code != SIGNET_OK) {
            status = Status(static_cast<Code>(code), std::string(view(message)));
            if (any.len != 0) status = std::move(status).with_detail(decode_any(view(any)));
          }
          std::lock_guard lock(s.mutex);
          s.status = std::move(status);
          s.done = true;
          s.changed.notify_all();
        }};
    return &kTable;
  }
  std::shared_ptr<State> state_;
};

class RpcConnection {
 public:
  using Headers = std::vector<std::pair<std::string, std::string>>;

  /// Lazy: the first call connects. acceptor may be null for plaintext; it must outlive this.
  static Result<std::unique_ptr<RpcConnection>> create(const Host& host, const std::string& uri,
                                                       std::string_view options_json,
                                                       RpcAcceptor* acceptor) {
    const auto* api = host.service<signet_host_rpc>(SIGNET_HOST_RPC);
    if (!api) return Status::unavailable("no transport plugin offers signet.host.rpc/1");
    signet_rpc_conn* conn = nullptr;
    const signet_status code =
        api->connect(host.abi(), to_abi(uri), bytes_to_abi(options_json),
                     acceptor ? RpcAcceptor::table() : nullptr, acceptor, &conn);
    if (code != SIGNET_OK)
      return Status(static_cast<Code>(code), "cannot make a connection to " + uri);
    return std::unique_ptr<RpcConnection>(new RpcConnection(host, api, conn));
  }
  ~RpcConnection() { api_->hang_up(conn_); }

  /// A stream; `first` is sent at once when given.
  template <typename Req>
  Result<std::unique_ptr<ClientCall>> open(const std::string& method, const Req& first,
                                           int64_t deadline_ns, const Headers& headers = {}) {
    return open_raw(method, host_.blob_of(first), deadline_ns, headers);
  }
  /// One request, one answer, waited for.
  template <typename Resp, typename Req>
  Result<Resp> call(const std::string& method, const Req& request, int64_t deadline_ns,
                    const Headers& headers = {}) {
    SIGNET_TRY(const std::unique_ptr<ClientCall> call,
               open_raw(method, host_.blob_of(request), deadline_ns, headers));
    return call->template answer<Resp>();
  }

 private:
  RpcConnection(const Host& host, const signet_host_rpc* api, signet_rpc_conn* conn)
      : host_(host), api_(api), conn_(conn) {}
  Result<std::unique_ptr<ClientCall>> open_raw(const std::string& method, Blob first,
                                               int64_t deadline_ns, const Headers& headers) {
    auto state = std::make_shared<ClientCall::State>();
    state->host = host_;
    state->api = api_;
    std::vector<signet_rpc_header> spans;
    for (const auto& [key, value] : headers) spans.push_back({to_abi(key), to_abi(value)});
    std::unique_lock lock(state->mutex);  // done() must not see `stream` unset
    const signet_status code = api_->call(
        conn_, to_abi(method), deadline_ns, spans.data(), spans.size(), ClientCall::table(),
        new std::shared_ptr<ClientCall::State>(state), first.release(), &state->stream);
    if (code != SIGNET_OK) {
      // done() comes also now and frees the holder; it only waits for our lock.
      return Status(static_cast<Code>(code), "cannot start the call " + method);
    }
    api_->read(state->stream);
    lock.unlock();
    return std::unique_ptr<ClientCall>(new ClientCall(std::move(state)));
  }
  Host host_;
  const signet_host_rpc* api_;
  signet_rpc_conn* conn_;
};

}  // namespace signet
