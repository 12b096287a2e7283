#include "local_rpc.h"

#include <algorithm>

#include "signet/host.h"
#include "signet/testing/fake_host.h"

#include "local_exchange.h"

namespace signet::fakes {
namespace {

void show(signet_rpc_peer& peer, const std::vector<std::string>& chain,
          std::vector<signet_bytes>& spans) {
  spans.clear();
  for (const std::string& der : chain) spans.push_back(bytes_to_abi(der));
  peer.chain = spans.data();
  peer.chain_len = spans.size();
}

// "dns:127.0.0.1:4711" and "tcp:127.0.0.1:4711" are the same place.
std::string place(const std::string& uri) {
  return uri.starts_with("unix:") ? uri : uri.substr(uri.find(':') + 1);
}

Status ask_identity(const signet_rpc_acceptor& acceptor, void* self,
                    std::vector<std::string>& chain) {
  FakeCall call([&](std::uint32_t kind, const void* message, std::size_t) {
    if (kind != SIGNET_RPC_KIND_IDENTITY) return;
    const auto& identity = *static_cast<const signet_rpc_identity*>(message);
    for (std::size_t i = 0; i < identity.chain_len; ++i)
      chain.emplace_back(view(identity.chain[i]));
  });
  const signet_status code = acceptor.identity(self, call.abi());
  return code == SIGNET_OK ? Status() : Status(static_cast<Code>(code), call.message());
}

Status ask_verdict(const signet_rpc_acceptor& acceptor, void* self, signet_rpc_peer& peer,
                   std::string& id) {
  FakeCall call([&](std::uint32_t kind, const void* message, std::size_t) {
    if (kind != SIGNET_RPC_KIND_PEER_ID) return;
    const auto& verdict = *static_cast<const signet_rpc_peer_id*>(message);
    id = view(verdict.id);
    peer.user = verdict.user;
  });
  const signet_status code = acceptor.verify(self, call.abi(), &peer);
  if (code != SIGNET_OK) return Status(static_cast<Code>(code), call.message());
  peer.id = to_abi(id);
  return {};
}

}  // namespace

// ---- life

LocalRpc*& the_one() {
  static LocalRpc* one = nullptr;
  return one;
}

LocalRpc::LocalRpc(std::function<void()> settle) : settle_(std::move(settle)) { the_one() = this; }

LocalRpc::~LocalRpc() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  for (std::thread& thread : threads_) thread.join();
  the_one() = nullptr;
}

void LocalRpc::start_threads(int how_many) {
  for (int i = 0; i < how_many; ++i) {
    threads_.emplace_back([this] {
      std::unique_lock lock(mutex_);
      while (!stopping_) {
        if (!step_any(lock)) changed_.wait(lock);
      }
    });
  }
}

bool LocalRpc::pump() {
  std::unique_lock lock(mutex_);
  bool any = false;
  while (step_any(lock)) any = true;
  return any;
}

void LocalRpc::run() {
  if (settle_) {
    settle_();
  } else {
    pump();
  }
}

bool LocalRpc::step_any(std::unique_lock<std::mutex>& lock) {
  // A copy of the pointers: the list changes while a callback runs.
  const std::vector<std::shared_ptr<Exchange>> all(exchanges_.begin(), exchanges_.end());
  return std::any_of(all.begin(), all.end(), [&](const auto& one) { return step(one, lock); });
}

bool LocalRpc::step(const std::shared_ptr<Exchange>& exchange, std::unique_lock<std::mutex>& lock) {
  if (exchange->busy || exchange->over()) return false;
  std::function<void()> callback;
  if (!exchange->opened && !exchange->outcome) {
    callback = [this, exchange] { connect_first(*exchange); };
  } else {
    callback = exchange->next();
  }
  if (callback) {
    exchange->busy = true;
    lock.unlock();
    callback();
    lock.lock();
    exchange->busy = false;
  }
  if (exchange->over()) exchanges_.remove(exchange);
  if (callback) changed_.notify_all();
  return callback != nullptr;
}

void LocalRpc::until(std::unique_lock<std::mutex>& lock, const std::function<bool()>& so) {
  while (!so()) {
    if (!step_any(lock) && !so()) changed_.wait(lock);
  }
}

// ---- connections

// The handshake, when the call is the first of its connection; then the handler's open().
void LocalRpc::connect_first(Exchange& exchange) {
  Connection& connection = *exchange.connection;
  Status failed;
  Listener* listener = nullptr;
  {
    const std::lock_guard shaking(connection.handshake);
    {
      const std::lock_guard lock(mutex_);
      listener = connection.server;
      if (listener == nullptr) {
        // A test by hand names no address: it finds who has the method, over TLS if it has that.
        const bool tls = connection.peer.transport == SIGNET_RPC_TLS;
        for (const auto& [id, one] : listeners_) {
          const bool meant = connection.host == nullptr
                                 ? one->methods.contains(exchange.method)
                                 : place(one->facts.uri) == place(connection.uri);
          const bool better = listener == nullptr || one->facts.with_acceptor == tls;
          if (meant && better && one->facts.serving) listener = one.get();
        }
      }
    }
    if (listener == nullptr) {
      failed = connection.host == nullptr
                   ? Status::unimplemented("unknown method " + exchange.method)
                   : Status::unavailable("nobody listens at " + connection.uri);
    } else if (connection.server == nullptr) {
      shake_hands(connection, *listener, failed);
    }
  }
  Listener::Method method;
  {
    const std::lock_guard lock(mutex_);
    if (failed.ok()) {
      const auto found = listener->methods.find(exchange.method);
      if (found == listener->methods.end()) {
        failed = Status::unimplemented("unknown method " + exchange.method);
      } else {
        method = found->second;
      }
    }
    if (!failed.ok()) {
      exchange.end(failed.code(), failed.message());
      return;
    }
    exchange.server.handler = method.handler;
    if (exchange.outcome) return;  // cancelled meanwhile
    exchange.opened = true;
  }
  const signet_status code = method.handler->open(method.self, exchange.server.abi(),
                                                  &connection.peer, &exchange.server.st);
  if (code == SIGNET_OK) return;
  const std::lock_guard lock(mutex_);
  exchange.server.done = true;  // done() does not come
  exchange.end(static_cast<Code>(code), "");
}

void LocalRpc::shake_hands(Connection& connection, Listener& listener, Status& failed) {
  const bool tls = listener.facts.options.find("\"tls\":true") != std::string::npos;
  if (connection.host != nullptr) connection.peer = tls ? tls_peer("127.0.0.1:1") : this_process();
  if (tls && listener.acceptor != nullptr) {
    failed = ask_identity(*listener.acceptor, listener.self, connection.server_chain);
    if (!failed.ok()) return;
    connection.server_peer = tls_peer(connection.uri);
    show(connection.server_peer, connection.server_chain, connection.server_spans);
  }
  if (connection.acceptor != nullptr) {
    const Status shown = ask_identity(*connection.acceptor, connection.self, connection.chain);
    if (!shown.ok() && shown.code() != Code::kNotFound) {
      failed = shown.with_code(Code::kUnavailable);
      return;
    }
    failed = ask_verdict(*connection.acceptor, connection.self, connection.server_peer,
                         connection.server_id);
    if (!failed.ok()) return;
    connection.client_verified = true;
  }
  show(connection.peer, connection.chain, connection.spans);
  if (listener.acceptor != nullptr) {
    failed = ask_verdict(*listener.acceptor, listener.self, connection.peer, connection.id);
    if (!failed.ok()) {
      failed = failed.with_code(Code::kUnavailable);
      return;
    }
    connection.server_verified = true;
  }
  const std::lock_guard lock(mutex_);
  connection.peer.connection = ++last_id_;
  connection.server = &listener;
  ++made_;
}

// Their exchanges end, and both sides hear that the connection is closed.
void LocalRpc::end_connections(std::unique_lock<std::mutex>& lock,
                               const std::function<bool(const Connection&)>& which) {
  const std::vector<std::shared_ptr<Connection>> all(connections_.begin(), connections_.end());
  for (const auto& exchange : exchanges_) {
    if (which(*exchange->connection))
      exchange->end(Code::kUnavailable, "the connection was closed");
  }
  until(lock, [&] {
    return std::none_of(exchanges_.begin(), exchanges_.end(), [&](const auto& exchange) {
      return which(*exchange->connection) && !exchange->server.done;
    });
  });
  for (const auto& connection : all) {
    if (!which(*connection)) continue;
    const bool server = std::exchange(connection->server_verified, false);
    const bool client = std::exchange(connection->client_verified, false);
    const Listener* const listener = connection->server;
    lock.unlock();
    if (server) listener->acceptor->closed(listener->self, &connection->peer);
    if (client) connection->acceptor->closed(connection->self, &connection->server_peer);
    lock.lock();
    connection->server = nullptr;
  }
}

void LocalRpc::unlisten(std::uint64_t id) {
  std::unique_lock lock(mutex_);
  const auto at = listeners_.find(id);
  if (at == listeners_.end()) return;
  Listener* const listener = at->second.get();
  listener->facts.serving = false;
  end_connections(lock, [&](const Connection& c) { return c.server == listener; });
  listeners_.erase(id);
}

void LocalRpc::hang_up(Connection* connection) {
  std::unique_lock lock(mutex_);
  for (const auto& exchange : exchanges_) {
    if (exchange->connection.get() != connection) continue;
    exchange->cancelled = true;
    exchange->end(Code::kCancelled, "cancelled");
  }
  until(lock, [&] {
    return std::none_of(exchanges_.begin(), exchanges_.end(), [&](const auto& exchange) {
      return exchange->connection.get() == connection;
    });
  });
  end_connections(lock, [&](const Connection& c) { return &c == connection; });
  connections_.remove_if([&](const auto& c) { return c.get() == connection; });
}

std::vector<LocalRpc::Listening> LocalRpc::listeners() const {
  const std::lock_guard lock(mutex_);
  std::vector<Listening> out;
  for (const auto& [id, listener] : listeners_) out.push_back(listener->facts);
  return out;
}

std::vector<std::string> LocalRpc::methods() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> names;
  for (const auto& [id, listener] : listeners_) {
    for (const auto& [name, method] : listener->methods) names.push_back(name);
  }
  return names;
}

bool LocalRpc::has(const std::string& method) const {
  const std::vector<std::string> all = methods();
  return std::find(all.begin(), all.end(), method) != all.end();
}

int LocalRpc::connections() const {
  const std::lock_guard lock(mutex_);
  return made_;
}

}  // namespace signet::fakes
