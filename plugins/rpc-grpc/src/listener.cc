#include "listener.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>
#include <unistd.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "acceptor_call.h"
#include "peer_process.h"
#include "runtime.h"
#include "tcp_listener.h"
#include "tls_handshake.h"
#include "tls_server.h"

namespace signet::rpc_grpc {
namespace {

constexpr int64_t kVerifyTimeoutNs = 10'000'000'000;
// Over a network a window is a speed limit: this much may be under way at once.
constexpr int kTcpStreamWindow = 256 * 1024;
constexpr int kTcpConnectionWindow = 1024 * 1024;
// A peer that is gone, or takes nothing of what waits for it, for so long.
constexpr unsigned kStuckMs = 60'000;

// What the limit of descriptors leaves for connections; an eighth is for files and databases. A
// Unix socket's peer has a pidfd beside it.
std::size_t room_for_connections(const Endpoint& endpoint) {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) return SIZE_MAX;
  const std::size_t room = files.rlim_cur - files.rlim_cur / 8;
  return endpoint.kind == Endpoint::Kind::kUnix ? room / 2 : room;
}

}  // namespace

Listener::Listener(const signet_host* owner, Endpoint endpoint, ServerOptions options,
                   const signet_rpc_acceptor* acceptor, void* self)
    : owner_(owner),
      endpoint_(std::move(endpoint)),
      options_(options),
      acceptor_(acceptor),
      self_(self) {}

Listener::~Listener() {
  if (fd_ >= 0) ::close(fd_);
}

Status Listener::listen() {
  if (options_.tls) {
    if (!acceptor_ || endpoint_.kind != Endpoint::Kind::kTcp) {
      return Status::invalid_argument("TLS needs a tcp: address and an acceptor");
    }
    tls_ = std::make_shared<TlsServer>(owner_, options_, *acceptor_, self_);
  }
  switch (endpoint_.kind) {
    case Endpoint::Kind::kTcp: {
      SIGNET_TRY(fd_, bind_tcp(endpoint_, &port_));
      return {};
    }
    case Endpoint::Kind::kUnix:
      return {};  // a path appears when callers are let in: until then it would look dead
    case Endpoint::Kind::kDns:
      break;
  }
  return Status::invalid_argument("cannot listen on a dns: address");
}

std::string Listener::address() const {
  if (endpoint_.kind == Endpoint::Kind::kUnix) return "unix:" + endpoint_.path;
  Endpoint bound = endpoint_;
  bound.port = port_;
  return "tcp:" + bound.host_port();
}

Status Listener::handle(std::string_view method, const signet_rpc_handler* handler, void* self) {
  if (serving_) return Status::failed_precondition("the listener serves already");
  if (!method.starts_with('/') || !handler || !handler->done)
    return Status::invalid_argument("bad method");
  const std::string name(method);
  if (!methods_.emplace(name, Method{name, handler, self}).second) {
    return Status::already_exists("method " + name + " is registered already");
  }
  return {};
}

Status Listener::serve() {
  if (serving_) return Status::failed_precondition("the listener serves already");
  settings_.max_streams = options_.max_streams;
  if (endpoint_.kind == Endpoint::Kind::kUnix) {
    SIGNET_TRY(unix_socket_, bind_unix(endpoint_.path, options_.socket_mode, options_.folder_mode));
    fd_ = unix_socket_.fd;
  } else {
    settings_.stream_window = kTcpStreamWindow;
    settings_.connection_window = kTcpConnectionWindow;
    SIGNET_RETURN_IF_ERROR(runtime().start_tcp_loops());
  }
  settings_.bytes = h2_greeting(settings_);
  most_connections_ =
      std::min(static_cast<std::size_t>(options_.max_connections), room_for_connections(endpoint_));
  // One user of this machine leaves room for the others.
  most_per_caller_ = endpoint_.kind == Endpoint::Kind::kUnix
                         ? (most_connections_ + 1) / 2
                         : static_cast<std::size_t>(options_.max_connections_per_ip);
  if (tls_) SIGNET_RETURN_IF_ERROR(tls_->load_identity());
  serving_ = true;

  if (::listen(fd_, kBacklog) != 0) {
    const int error = errno;
    return Status::failed_precondition("cannot listen on " + address() + ": " +
                                       std::strerror(error));
  }
  token_ = runtime().accept_loop.watch_listener(fd_, [this] { accept_ready(); });
  if (token_ == 0) return Status::unavailable("cannot watch " + address());
  return {};
}

void Listener::accept_ready() {
  for (int i = 0; i < 64; ++i) {  // then others have their turn; the watch is level-triggered
    const int fd = accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
      if (errno == EINTR || errno == ECONNABORTED) continue;
      if (errno == EMFILE || errno == ENFILE) {
        refused("out of file descriptors", "whoever is next");
        usleep(10'000);  // level-triggered: without a pause the loop would spin
      }
      return;
    }
    if (endpoint_.kind == Endpoint::Kind::kUnix) {
      accept_unix(fd);
    } else {
      accept_tcp(fd);
    }
  }
}

bool Listener::admit(int fd, const std::string& caller) {
  const char* reason = nullptr;
  {
    std::lock_guard lock(mutex_);
    if (!closing_) {
      if (connections_.size() >= most_connections_) {
        reason = "too many connections";
      } else if (!count(caller)) {
        reason = "too many connections of this caller";
      } else {
        return true;
      }
    }
  }
  if (reason) refused(reason, caller);
  ::close(fd);
  return false;
}

bool Listener::count(const std::string& caller) {
  std::size_t& connections = per_caller_[caller];
  if (connections >= most_per_caller_) return false;
  ++connections;
  return true;
}

void Listener::discount(const std::string& caller) {
  const auto count = per_caller_.find(caller);
  if (count != per_caller_.end() && --count->second == 0) per_caller_.erase(count);
}

// Whoever is shut out finds the reason here, and a flood does not fill the log.
void Listener::refused(const char* reason, const std::string& caller) {
  const bool warn = warning_.due(owner_.host.monotonic_ns());
  owner_.host.log(warn ? LogLevel::kWarn : LogLevel::kDebug, "Connection refused",
                  {{"reason", reason}, {"caller", caller}, {"address", address()}});
}

void Listener::accept_unix(int fd) {
  auto process = peer_process(fd);
  if (!process.ok()) {
    refused(process.status().message().c_str(), "a process");
    ::close(fd);
    return;
  }
  auto connection = std::make_shared<Connection>(acceptor_, self_);
  signet_rpc_peer& peer = connection->peer->abi;
  peer.transport = SIGNET_RPC_UNIX;
  peer.pid = process->pid;
  peer.pidfd = process->pidfd;
  peer.uid = process->uid;
  peer.gid = process->gid;
  peer.start_time = process->start_time;
  connection->counts_for = "uid " + std::to_string(process->uid);
  if (!admit(fd, connection->counts_for)) return;
  connection->socket = fd;
  enter(std::move(connection));
}

void Listener::accept_tcp(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (getpeername(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    ::close(fd);
    return;
  }
  uint16_t port = 0;
  const std::string ip = ip_of(address, &port);
  if (!admit(fd, ip)) return;
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &kStuckMs, sizeof kStuckMs);
  const bool v6 = ip.find(':') != std::string::npos;
  auto connection = std::make_shared<Connection>(acceptor_, self_);
  connection->socket = fd;
  connection->counts_for = ip;
  connection->peer->address = (v6 ? "[" + ip + "]" : ip) + ":" + std::to_string(port);
  connection->peer->abi.transport = tls_ ? SIGNET_RPC_TLS : SIGNET_RPC_TCP;
  enter(std::move(connection));
}

void Listener::enter(ConnectionPtr connection) {
  const uint64_t number = next_connection_number();
  connection->peer->abi.connection = number;
  connection->peer->seal();
  const bool ask = !tls_ && acceptor_ && SIGNET_HAS(acceptor_, signet_rpc_acceptor, verify);
  {
    std::lock_guard lock(mutex_);
    connections_.emplace(number, connection);
    if (ask) ++pending_;
  }
  if (ask) return ask_for(std::move(connection));
  hand_over(connection);
}

void Listener::ask_for(ConnectionPtr connection) {
  auto shared = std::make_shared<ConnectionPtr>(std::move(connection));
  const Status posted = owner_.host.post([self = shared_from_this(), shared] {
    const signet_rpc_peer& peer = (*shared)->peer->abi;
    ask_verdict(self->owner_, *self->acceptor_, self->self_, peer,
                self->owner_.host.monotonic_ns() + kVerifyTimeoutNs,
                [self, shared](Result<Verdict> verdict) {
                  self->judged(std::move(*shared), std::move(verdict));
                });
  });
  if (!posted.ok()) judged(std::move(*shared), posted);
}

void Listener::judged(ConnectionPtr connection, Result<Verdict> verdict) {
  if (verdict) {
    connection->peer->accept(std::move(verdict->id), verdict->user);
    if (!connection->peer->id.empty()) {
      std::lock_guard lock(mutex_);
      by_id_.emplace(connection->peer->id, connection);
    }
    hand_over(connection);
  } else {
    owner_.host.log_status(LogLevel::kInfo, "Connection refused", verdict.status());
    connection_ended(connection);
    connection->shut_down();
  }
  connection.reset();  // before the count: nobody holds it when close() goes on
  std::lock_guard lock(mutex_);
  --pending_;
  quiet_.notify_all();
}

H2Loop& Listener::loop_of(const Connection& connection) const {
  Runtime& r = runtime();
  if (endpoint_.kind == Endpoint::Kind::kUnix) return r.loops[0];
  return r.loops[connection.peer->abi.connection % r.tcp_loops];
}

void Listener::hand_over(const ConnectionPtr& connection) {
  H2Loop& loop = loop_of(*connection);
  loop.post([self = shared_from_this(), connection, &loop] {
    bool late = false;
    {
      std::lock_guard lock(self->mutex_);
      late = self->closing_;
    }
    if (late) {
      self->connection_ended(connection);
      connection->shut_down();
    } else if (self->tls_) {
      loop.add(std::make_unique<TlsHandshake>(&loop, self, self->tls_, connection));
    } else {
      loop.add(std::make_unique<H2Connection>(&loop, self, connection));
    }
  });
}

// A fleet may come from one address, that of a balancer; each of its agents counts for itself.
bool Listener::identified(const ConnectionPtr& connection) {
  if (!connection->peer->verified || connection->peer->id.empty()) return true;
  {
    std::lock_guard lock(mutex_);
    if (count(connection->peer->id)) {
      discount(std::exchange(connection->counts_for, connection->peer->id));
      by_id_.emplace(connection->peer->id, connection);
      return true;
    }
  }
  refused("too many connections of this caller", connection->peer->id);
  return false;
}

void Listener::connection_ended(const ConnectionPtr& connection) {
  std::lock_guard lock(mutex_);
  connections_.erase(connection->peer->abi.connection);
  discount(connection->counts_for);
  if (!connection->peer->verified || connection->peer->id.empty()) return;
  const auto [first, last] = by_id_.equal_range(connection->peer->id);
  const auto found =
      std::find_if(first, last, [&](const auto& e) { return e.second == connection; });
  if (found != last) by_id_.erase(found);
}

const Method* Listener::find_method(const std::string& path) const {
  const auto it = methods_.find(path);
  return it == methods_.end() ? nullptr : &it->second;
}

// The words of Go's server, which callers of SPIRE know.
std::string Listener::unknown_method_words(const std::string& path) const {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos || slash == 0) return "malformed method name: \"" + path + "\"";
  const std::string service = path.substr(1, slash - 1);
  for (const auto& [known, method] : methods_) {
    if (known.starts_with("/" + service + "/"))
      return "unknown method " + path.substr(slash + 1) + " for service " + service;
  }
  return "unknown service " + service;
}

void Listener::call_began() {
  std::lock_guard lock(mutex_);
  ++open_calls_;
}

void Listener::call_ended() {
  std::lock_guard lock(mutex_);
  if (--open_calls_ == 0) quiet_.notify_all();
}

void Listener::identity_changed() {
  if (tls_) tls_->identity_changed();
}

void Listener::disconnect(std::string_view id) {
  std::vector<ConnectionPtr> affected;
  {
    std::lock_guard lock(mutex_);
    const auto [first, last] = by_id_.equal_range(std::string(id));
    for (auto it = first; it != last; ++it) affected.push_back(it->second);
  }
  for (const auto& connection : affected) connection->shut_down();
}

void Listener::close(int64_t deadline_ns, std::function<void()> done) {
  {
    std::lock_guard lock(mutex_);
    closing_ = true;
  }
  if (token_ != 0) runtime().accept_loop.remove(token_, fd_);
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  if (!unix_socket_.path.empty()) unlink_socket(unix_socket_);
  // This waits for calls; a worker must not be held for that long.
  std::thread([self = shared_from_this(), deadline_ns, done = std::move(done)]() mutable {
    self->finish(deadline_ns);
    self.reset();
    done();
  }).detach();
}

void Listener::drain(int64_t deadline_ns) {
  const auto each = [&](void (*fn)(Watched&)) {
    for (H2Loop& loop : runtime().loops) {
      loop.run([&] {
        loop.for_each([&](Watched& w) {
          if (&w.service() == this) fn(w);
        });
      });
    }
  };
  each([](Watched& w) { w.go_away(); });
  {
    const auto left = std::clamp<int64_t>(deadline_ns - owner_.host.monotonic_ns(), 0,
                                          INT64_C(86'400'000'000'000));
    std::unique_lock lock(mutex_);
    quiet_.wait_for(lock, std::chrono::nanoseconds(left),
                    [&] { return open_calls_ == 0 && pending_ == 0; });
  }
  each([](Watched& w) { w.close(nullptr); });
}

void Listener::finish(int64_t deadline_ns) {
  drain(deadline_ns);
  if (tls_) tls_->stop();
  {
    std::unique_lock lock(mutex_);
    quiet_.wait(lock, [&] { return open_calls_ == 0 && pending_ == 0; });
  }
  runtime().accept_loop.barrier();
  runtime().drain_loops();  // the last that could hold a peer
}

}  // namespace signet::rpc_grpc
