// RpcListener: gRPC methods served on one address, in terms of messages.
//
// The message types are any with protobuf's ParseFromArray, ByteSizeLong and
// SerializeWithCachedSizesToArray; nothing of it is included here.
//
//   SIGNET_TRY(auto listener, RpcListener::create(host, "unix:/run/x.sock", options, nullptr));
//   listener->authorize([](ServerCall& call) { return Status(); });
//   listener->unary<Req, Resp>("/pkg.Service/Get",
//                              [](ServerCall& call, const Req& req) -> Result<Resp> { ... });
//   listener->stream<Req>("/pkg.Service/Watch",
//                         [](std::shared_ptr<ServerCall> call, const Req& req) { ... });
//   SIGNET_RETURN_IF_ERROR(listener->serve());
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "signet/abi/rpc.h"
#include "signet/local_call.h"
#include "signet/rpc/acceptor.h"
#include "signet/rpc/server_call.h"

namespace signet {

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
    uint64_t id = 0;
    SIGNET_RETURN_IF_ERROR(l->host_call([&](signet_call* c) {
      return api->listen(host.abi(), c, to_abi(uri), bytes_to_abi(options_json),
                         acceptor ? RpcAcceptor::table() : nullptr, acceptor, &id);
    }));
    l->id_ = id;
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
  Status unary(std::string_view method, Fn fn, uint32_t flags = 0) {
    return handle(
        std::string(method),
        [fn = std::move(fn)](const std::shared_ptr<ServerCall>& call, std::string_view bytes) {
          Req request;
          if (!call->parse(bytes, request)) return;
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
  Status stream(std::string_view method, Fn fn, uint32_t flags = SIGNET_RPC_SERVER_STREAM) {
    return handle(
        std::string(method),
        [fn = std::move(fn)](std::shared_ptr<ServerCall> call, std::string_view bytes) {
          Req request;
          if (call->parse(bytes, request)) fn(std::move(call), std::as_const(request));
        },
        flags);
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
      const RpcListener& owner = *method->owner;
      auto call =
          std::make_shared<ServerCall>(owner.host_, owner.api_, stream, *peer, method->name);
      auto state = std::make_unique<State>(State{call, method});
      const Status allowed = owner.authorize_ ? owner.authorize_(*call) : Status();
      *st = state.release();  // done() comes from here on
      if (allowed.ok()) {
        call->read();
      } else {
        call->finish(allowed);
      }
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

  template <typename F>
  Status host_call(F&& fn, int64_t deadline_ns = INT64_MAX) {
    LocalCall call(deadline_ns, [this](uint32_t kind, const void* msg, std::size_t) {
      if (kind == SIGNET_RPC_KIND_ADDRESS)
        address_ = view(static_cast<const signet_rpc_address*>(msg)->uri);
    });
    return call.run(std::forward<F>(fn));
  }

  Host host_;
  const signet_host_rpc* api_;
  std::atomic<uint64_t> id_{0};  // 0: closed
  std::string address_;
  Authorize authorize_;
  std::vector<std::unique_ptr<Method>> methods_;
};

}  // namespace signet
