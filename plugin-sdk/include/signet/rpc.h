// Rpc: gRPC methods in terms of messages, over the byte-wise `rpc` host service.
//
// The message types are any with protobuf's ParseFromArray, ByteSizeLong and
// SerializeWithCachedSizesToArray; this header includes none of it.
//
// Server:
//   SIGNET_TRY(auto listener, RpcListener::create(host, "unix:/run/x.sock", options_json,
//   nullptr)); listener->authorize([](const RpcPeer&, std::string_view method) { return Status();
//   }); listener->unary<Req, Resp>("/pkg.Service/Get", [](ServerCall& call, const Req& req) ->
//   Result<Resp> {...}); listener->stream<Req>("/pkg.Service/Watch", [](std::shared_ptr<ServerCall>
//   call, const Req& req) {...}); SIGNET_RETURN_IF_ERROR(listener->serve());
// Client (blocking, from a worker only):
//   SIGNET_TRY(auto conn, RpcConnection::create(host, "unix:/run/x.sock", "{}", nullptr));
//   Result<Resp> r = conn->call<Resp>("/pkg.Service/Get", request, host.deadline_in(30s));
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "signet/abi/rpc.h"
#include "signet/plugin.h"
#include "signet/service.h"

namespace signet {

using RpcPeer = signet_rpc_peer;

struct RpcIdentity {
  std::vector<std::string> chain;  // DER, leaf first
  Secret key;                      // PKCS#8 DER; or:
  std::string key_manager;         // the instance's name
  std::string key_id;
};
struct RpcVerdict {
  std::string id;        // "" = anonymous
  void* user = nullptr;  // seen as peer().user; freed by the acceptor's closed()
};

// Who we are and who they are, asked by the transport; see abi/rpc.h.
class RpcAcceptor {
 public:
  virtual ~RpcAcceptor() = default;
  virtual Result<RpcIdentity> identity() { return Status::not_found("no identity"); }
  virtual Result<RpcVerdict> verify(const RpcPeer& peer) = 0;
  virtual void closed(const RpcPeer&) {}

  /// The C table for any acceptor; self is the RpcAcceptor*.
  static const signet_rpc_acceptor* table() {
    static const signet_rpc_acceptor kTable = {
        sizeof(signet_rpc_acceptor), 0,
        [](void* self, signet_call* c) {
          return guarded(c, [&]() -> Status {
            SIGNET_TRY(RpcIdentity id, static_cast<RpcAcceptor*>(self)->identity());
            std::vector<signet_bytes> spans;
            for (const std::string& der : id.chain) spans.push_back(bytes_to_abi(der));
            Call(c).emit(
                SIGNET_RPC_KIND_IDENTITY,
                signet_rpc_identity{sizeof(signet_rpc_identity), 0, spans.data(), spans.size(),
                                    id.key.get(), to_abi(id.key_manager), to_abi(id.key_id)});
            return {};
          });
        },
        [](void* self, signet_call* c, const signet_rpc_peer* peer) {
          return guarded(c, [&]() -> Status {
            SIGNET_TRY(const RpcVerdict verdict, static_cast<RpcAcceptor*>(self)->verify(*peer));
            Call(c).emit(SIGNET_RPC_KIND_PEER_ID,
                         signet_rpc_peer_id{sizeof(signet_rpc_peer_id), 0, to_abi(verdict.id),
                                            verdict.user});
            return {};
          });
        },
        [](void* self, const signet_rpc_peer* peer) {
          static_cast<RpcAcceptor*>(self)->closed(*peer);
        }};
    return &kTable;
  }
};

/// google.protobuf.Any as bytes: field 1 the type URL, field 2 the value.
inline std::string encode_any(const ErrorDetail& detail) {
  std::string out;
  const auto field = [&out](char tag, std::string_view bytes) {
    out.push_back(tag);
    std::size_t n = bytes.size();
    for (; n >= 0x80; n >>= 7) out.push_back(static_cast<char>(n | 0x80));
    out.push_back(static_cast<char>(n));
    out.append(bytes);
  };
  field('\x0a', detail.type_url);
  field('\x12', detail.value);
  return out;
}
/// The reverse; an empty type URL when the bytes are no Any. Unknown fields are not expected.
inline ErrorDetail decode_any(std::string_view bytes) {
  ErrorDetail out;
  while (bytes.size() >= 2) {
    const char tag = bytes[0];
    bytes.remove_prefix(1);
    std::size_t n = 0;
    for (int shift = 0;; shift += 7) {
      if (bytes.empty() || shift > 28) return {};
      const auto b = static_cast<unsigned char>(bytes[0]);
      bytes.remove_prefix(1);
      n |= static_cast<std::size_t>(b & 0x7f) << shift;
      if (b < 0x80) break;
    }
    if (n > bytes.size()) return {};
    if (tag == '\x0a') out.type_url = bytes.substr(0, n);
    if (tag == '\x12') out.value = bytes.substr(0, n);
    bytes.remove_prefix(n);
  }
  return out;
}

// One call on the server side. Safe to hold and use from any thread for as long as one likes:
// after the call is over its functions do nothing.
class ServerCall : public std::enable_shared_from_this<ServerCall> {
 public:
  ServerCall(const Host& host, const signet_host_rpc* api, signet_rpc_stream* stream,
             const signet_rpc_peer& peer, const std::string& method)
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
  const signet_rpc_peer* peer_;
  const std::string& method_;
  bool finished_ = false;
};

class RpcListener {
 public:
  using Authorize = std::function<Status(ServerCall& call)>;
  using Handler = std::function<void(std::shared_ptr<ServerCall>, std::string_view first)>;

  /// uri and options as abi/rpc.h says. acceptor may be null (plaintext); it must outlive this.
  static Result<std::unique_ptr<RpcListener>> create(const Host& host, const std::string& uri,
                                                     std::string_view options_json,
                                                     RpcAcceptor* acceptor) {
    const auto* api = host.service<signet_host_rpc>(SIGNET_HOST_RPC);
    if (!api) return Status::unavailable("no transport plugin offers signet.host.rpc/1");
    std::unique_ptr<RpcListener> l(new RpcListener(host, api));
    l->address_ = uri;
    SIGNET_RETURN_IF_ERROR(l->host_call([&](signet_call* c) {
      return api->listen(host.abi(), c, to_abi(uri), bytes_to_abi(options_json),
                         acceptor ? RpcAcceptor::table() : nullptr, acceptor, &l->id_);
    }));
    return l;
  }
  ~RpcListener() { (void)close(std::chrono::seconds(0)); }

  /// Asked for each call before its first message, [nonblock]; the default lets all pass.
  void authorize(Authorize fn) { authorize_ = std::move(fn); }

  /// The general form: handler(call, first message). It may finish the call at once or keep the
  /// pointer. inline_: it never blocks and runs on the transport's thread.
  Status handle(std::string method, Handler handler, uint32_t flags = SIGNET_RPC_SERVER_STREAM) {
    auto m = std::make_unique<Method>();
    m->owner = this;
    m->name = std::move(method);
    m->handler = std::move(handler);
    m->table = {sizeof(signet_rpc_handler), flags, &open, &message, &half_close, &writable, &done};
    const signet_status code = api_->handle(host_.abi(), id_, to_abi(m->name), &m->table, m.get());
    if (code != SIGNET_OK) return Status(static_cast<Code>(code), "cannot register " + m->name);
    methods_.push_back(std::move(m));
    return {};
  }
  /// One request, one answer; fn(ServerCall&, const Req&) -> Result<Resp>.
  template <typename Req, typename Resp, typename Fn>
  Status unary(std::string method, Fn fn, uint32_t flags = 0) {
    return handle(
        std::move(method),
        [fn = std::move(fn)](std::shared_ptr<ServerCall> call, std::string_view bytes) {
          Req request;
          if (!parse(*call, request, bytes)) return;
          Result<Resp> response = fn(*call, std::as_const(request));
          if (response) {
            call->finish_message(*response);
          } else {
            call->finish(response.status());
          }
        },
        flags);
  }
  /// One request, then whatever fn(std::shared_ptr<ServerCall>, const Req&) does with the call:
  /// many messages, or an answer later. Also for unary methods that answer asynchronously.
  template <typename Req, typename Fn>
  Status stream(std::string method, Fn fn, uint32_t flags = SIGNET_RPC_SERVER_STREAM) {
    return handle(
        std::move(method),
        [fn = std::move(fn)](std::shared_ptr<ServerCall> call, std::string_view bytes) {
          Req request;
          if (parse(*call, request, bytes)) fn(std::move(call), std::as_const(request));
        },
        flags);
  }
  /// Parses, or finishes the call as gRPC servers do.
  template <typename Req>
  static bool parse(ServerCall& call, Req& request, std::string_view bytes) {
    if (request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return true;
    call.finish(Status::internal("grpc: error unmarshalling request"));
    return false;
  }

  Status serve() {
    return host_call([&](signet_call* c) { return api_->serve(host_.abi(), c, id_); });
  }
  /// Where it really listens, known after create(): "tcp:127.0.0.1:40001".
  const std::string& address() const { return address_; }
  void identity_changed() { api_->identity_changed(host_.abi(), id_); }
  void disconnect(std::string_view peer_id) { api_->disconnect(host_.abi(), id_, to_abi(peer_id)); }
  /// Lets open calls end for that long, then cancels them; no callback runs afterwards.
  Status close(std::chrono::nanoseconds drain) {
    if (id_ == 0) return {};
    Status status = host_call([&](signet_call* c) { return api_->unlisten(host_.abi(), c, id_); },
                              host_.deadline_in(drain));
    id_ = 0;
    return status;
  }

 private:
  struct Method {
    RpcListener* owner;
    std::string name;
    Handler handler;
    signet_rpc_handler table;
  };
  struct State {  // what `st` points at: the call, and whether its first message came
    std::shared_ptr<ServerCall> call;
    Method* method;
    bool started = false;
  };
  RpcListener(const Host& host, const signet_host_rpc* api) : host_(host), api_(api) {}

  static signet_status open(void* self, signet_rpc_stream* stream, const signet_rpc_peer* peer,
                            void** st) {
    auto* method = static_cast<Method*>(self);
    try {
      auto call = std::make_shared<ServerCall>(method->owner->host_, method->owner->api_, stream,
                                               *peer, method->name);
      *st = new State{call, method};
      if (method->owner->authorize_) {
        if (Status denied = method->owner->authorize_(*call); !denied.ok()) {
          call->finish(denied);
          return SIGNET_OK;  // finish() carries the words and the detail
        }
      }
      call->read();
      return SIGNET_OK;
    } catch (...) {
      return SIGNET_INTERNAL;
    }
  }
  static void message(void* st, signet_rpc_stream*, signet_bytes bytes) {
    auto* state = static_cast<State*>(st);
    guard(*state->call, [&] {
      if (!state->started) {
        state->started = true;
        state->method->handler(state->call, view(bytes));
      } else if (state->call->on_message) {
        state->call->on_message(view(bytes));
      }
    });
  }
  static void half_close(void* st, signet_rpc_stream*) {
    auto* state = static_cast<State*>(st);
    guard(*state->call, [&] {
      if (!state->started) {
        state->call->finish(Status::internal("no request message was sent"));
      } else if (state->call->on_half_close) {
        state->call->on_half_close();
      }
    });
  }
  static void writable(void* st, signet_rpc_stream*) {
    auto* state = static_cast<State*>(st);
    guard(*state->call, [&] {
      if (state->call->on_writable) state->call->on_writable();
    });
  }
  static void done(void* st, signet_rpc_stream*, signet_status, signet_str, signet_bytes) {
    std::unique_ptr<State> state(static_cast<State*>(st));
    if (!state) return;
    try {
      state->call->gone();
    } catch (...) {  // the call is over; there is nobody to tell
    }
  }
  template <typename F>
  static void guard(ServerCall& call, F&& fn) {
    try {
      fn();
    } catch (const std::exception& e) {
      call.host().error("Method threw", {{"method", call.method()}, {"error", e.what()}});
      call.finish(Status::internal("internal error"));
    } catch (...) {
      call.finish(Status::internal("internal error"));
    }
  }

  // The host service's [worker] functions want a call object; the system provider is reached
  // directly, so a small synchronous one of our own serves.
  struct LocalCall {
    std::mutex mutex;
    std::condition_variable changed;
    bool done = false;
    signet_status code = SIGNET_OK;
    std::string message;
    std::string address;
  };
  template <typename F>
  Status host_call(F&& fn, int64_t deadline_ns = INT64_MAX) {
    static const signet_call_ops kOps = {
        sizeof(signet_call_ops),
        0,
        [](const signet_call*) { return 0u; },
        [](signet_call*, void (*)(void*), void*) -> signet_status { return SIGNET_OK; },
        [](signet_call* c, uint32_t kind, const void* msg, size_t) -> signet_status {
          if (kind == SIGNET_RPC_KIND_ADDRESS) {
            static_cast<LocalCall*>(c->impl)->address =
                view(static_cast<const signet_rpc_address*>(msg)->uri);
          }
          return SIGNET_OK;
        },
        [](signet_call* c, signet_status code, signet_str message) {
          static_cast<LocalCall*>(c->impl)->message = view(message);
          return code;
        },
        [](signet_call* c, signet_status code) {
          auto* local = static_cast<LocalCall*>(c->impl);
          std::lock_guard lock(local->mutex);
          local->code = code;
          local->done = true;
          local->changed.notify_all();
        }};
    LocalCall local;
    signet_call call = {sizeof(signet_call), 0, &kOps, deadline_ns, {nullptr, 0}, &local};
    signet_status code = fn(&call);
    if (code == SIGNET_PENDING) {
      std::unique_lock lock(local.mutex);
      local.changed.wait(lock, [&] { return local.done; });
      code = local.code;
    }
    if (!local.address.empty()) address_ = local.address;
    if (code == SIGNET_OK) return {};
    return Status(static_cast<Code>(code), local.message);
  }

  Host host_;
  const signet_host_rpc* api_;
  uint64_t id_ = 0;
  std::string address_;
  Authorize authorize_;
  std::vector<std::unique_ptr<Method>> methods_;
};

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
    const std::string bytes = std::move(state_->messages.front());
    state_->messages.pop_front();
    if (!state_->done) state_->api->read(state_->stream);
    lock.unlock();
    std::optional<M> message(std::in_place);
    if (!message->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
      return Status::internal("the answer cannot be parsed");
    }
    return message;
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
  struct State {
    Host host;
    const signet_host_rpc* api = nullptr;
    std::mutex mutex;
    std::condition_variable changed;
    signet_rpc_stream* stream = nullptr;
    std::deque<std::string> messages;
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
    call->half_close();
    SIGNET_TRY(std::optional<Resp> answer, call->template read<Resp>());
    SIGNET_RETURN_IF_ERROR(call->finish());
    if (!answer) return Status::internal("the server sent no answer");
    return std::move(*answer);
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
