// The C functions of "signet.host.rpc/1": numbers to objects, Status to codes.
#include <condition_variable>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "signet/plugin.h"

#include "client.h"
#include "listener.h"
#include "runtime.h"
#include "stream.h"

namespace signet::rpc_grpc {
namespace {

using ListenerPtr = std::shared_ptr<Listener>;

class Registry {
 public:
  uint64_t add(ListenerPtr listener) {
    std::lock_guard lock(mutex_);
    listeners_.emplace(++last_, std::move(listener));
    return last_;
  }
  ListenerPtr get(uint64_t id) {
    std::lock_guard lock(mutex_);
    const auto it = listeners_.find(id);
    return it == listeners_.end() ? nullptr : it->second;
  }
  ListenerPtr take(uint64_t id) {
    std::lock_guard lock(mutex_);
    const auto it = listeners_.find(id);
    if (it == listeners_.end()) return nullptr;
    ListenerPtr listener = std::move(it->second);
    listeners_.erase(it);
    return listener;
  }

 private:
  std::mutex mutex_;
  uint64_t last_ = 0;
  std::unordered_map<uint64_t, ListenerPtr> listeners_;
};

Registry& registry() {
  static auto* instance = new Registry;
  return *instance;
}

template <typename F>
signet_status plain(F&& fn) noexcept {
  try {
    return fn();
  } catch (...) {
    return SIGNET_INTERNAL;
  }
}

signet_status listen(const signet_host* host, signet_call* call, signet_str uri,
                     signet_bytes options, const signet_rpc_acceptor* acceptor, void* self,
                     uint64_t* id) {
  return guarded(call, [&]() -> Status {
    SIGNET_TRY(const Endpoint endpoint, Endpoint::parse(view(uri)));
    SIGNET_TRY(const ServerOptions parsed, parse_server_options(view(options)));
    auto listener = std::make_shared<Listener>(host, endpoint, parsed, acceptor, self);
    SIGNET_RETURN_IF_ERROR(listener->listen());
    const std::string address = listener->address();
    *id = registry().add(std::move(listener));
    Call(call).emit(SIGNET_RPC_KIND_ADDRESS,
                    signet_rpc_address{sizeof(signet_rpc_address), 0, to_abi(address)});
    return {};
  });
}

signet_status handle(const signet_host*, uint64_t id, signet_str method,
                     const signet_rpc_handler* handler, void* self) {
  return plain([&]() -> signet_status {
    const ListenerPtr listener = registry().get(id);
    if (!listener) return SIGNET_NOT_FOUND;
    return static_cast<signet_status>(listener->handle(view(method), handler, self).code());
  });
}

signet_status serve(const signet_host*, signet_call* call, uint64_t id) {
  return guarded(call, [&]() -> Status {
    const ListenerPtr listener = registry().get(id);
    return listener ? listener->serve() : Status::not_found("no such listener");
  });
}

signet_status identity_changed(const signet_host*, uint64_t id) {
  return plain([&]() -> signet_status {
    const ListenerPtr listener = registry().get(id);
    if (!listener) return SIGNET_NOT_FOUND;
    listener->identity_changed();
    return SIGNET_OK;
  });
}

void disconnect(const signet_host*, uint64_t id, signet_str peer_id) {
  plain([&]() -> signet_status {
    if (const ListenerPtr listener = registry().get(id)) listener->disconnect(view(peer_id));
    return SIGNET_OK;
  });
}

signet_status unlisten(const signet_host*, signet_call* call, uint64_t id) {
  const signet_status code = guarded(call, [&]() -> Status {
    ListenerPtr listener = registry().take(id);
    if (!listener) return Status::not_found("no such listener");
    listener->close(call->deadline_ns, [call] { call->ops->complete(call, SIGNET_OK); });
    return {};
  });
  return code == SIGNET_OK ? SIGNET_PENDING : code;
}

void read(signet_rpc_stream* s) { Stream::from_abi(s)->read(); }
signet_status write(signet_rpc_stream* s, signet_blob* blob) {
  return Stream::from_abi(s)->write(blob);
}
void finish(signet_rpc_stream* s, signet_blob* last, signet_status code, signet_str message,
            signet_bytes detail) {
  Stream::from_abi(s)->finish(last, code, message, detail);
}
void half_close(signet_rpc_stream* s) { Stream::from_abi(s)->half_close(); }
void cancel(signet_rpc_stream* s) { Stream::from_abi(s)->cancel(); }
void audit(signet_rpc_stream* s, signet_str key, signet_str value) {
  Stream::from_abi(s)->audit(key, value);
}
size_t metadata(signet_rpc_stream* s, signet_str key, signet_str* values, size_t max) {
  return Stream::from_abi(s)->metadata(key, values, max);
}
int64_t deadline(const signet_rpc_stream* s) { return Stream::from_abi(s)->deadline(); }
uint32_t cancelled(const signet_rpc_stream* s) { return Stream::from_abi(s)->cancelled() ? 1 : 0; }
const signet_rpc_peer* peer(const signet_rpc_stream* s) { return Stream::from_abi(s)->peer(); }

signet_status connect(const signet_host* host, signet_str uri, signet_bytes options,
                      const signet_rpc_acceptor* acceptor, void* self, signet_rpc_conn** out) {
  return plain([&]() -> signet_status {
    const auto endpoint = Endpoint::parse(view(uri));
    const auto parsed = parse_client_options(view(options));
    if (!endpoint || !parsed) return SIGNET_INVALID_ARGUMENT;
    auto connection = ClientConnection::create(host, *endpoint, *parsed, acceptor, self);
    if (!connection) return static_cast<signet_status>(connection.status().code());
    *out = (*connection).release()->abi();
    return SIGNET_OK;
  });
}

signet_status call(signet_rpc_conn* c, signet_str method, int64_t deadline_ns,
                   const signet_rpc_header* headers, size_t header_count,
                   const signet_rpc_handler* handler, void* st, signet_blob* first,
                   signet_rpc_stream** out) {
  return ClientConnection::from_abi(c)->call(std::string(view(method)), deadline_ns, headers,
                                             header_count, handler, st, first, out);
}

void hang_up(signet_rpc_conn* c) { delete ClientConnection::from_abi(c); }

}  // namespace

const signet_host_rpc* rpc_table() {
  static const signet_host_rpc kTable = {sizeof(signet_host_rpc),
                                         0,
                                         &listen,
                                         &handle,
                                         &serve,
                                         &identity_changed,
                                         &disconnect,
                                         &unlisten,
                                         &read,
                                         &write,
                                         &finish,
                                         &half_close,
                                         &cancel,
                                         &audit,
                                         &metadata,
                                         &deadline,
                                         &cancelled,
                                         &peer,
                                         &connect,
                                         &call,
                                         &hang_up};
  return &kTable;
}

}  // namespace signet::rpc_grpc
