// A Listener's connections, from accept() to their end.
#include <algorithm>
#include <cerrno>
#include <unistd.h>
#include <utility>

#include <sys/resource.h>
#include <sys/socket.h>

#include "acceptor_call.h"
#include "listener.h"
#include "peer_process.h"
#include "runtime.h"
#include "tcp_listener.h"
#include "tls_handshake.h"
#include "tls_server.h"

namespace signet::rpc_grpc {
namespace {

constexpr int64_t kVerifyTimeoutNs = 10'000'000'000;

// What the limit of descriptors leaves for connections; an eighth is for files and databases.
std::size_t room_for_connections() {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) return SIZE_MAX;
  return files.rlim_cur - files.rlim_cur / 8;
}

}  // namespace

void Listener::set_limits() {
  const auto most = static_cast<std::size_t>(options_.max_connections);
  const std::size_t room = room_for_connections();
  if (endpoint_.kind == Endpoint::Kind::kUnix) {
    // One user of this machine leaves room for the others.
    counts_.limit({most, room}, {most - most / 2, room - room / 2});
  } else {
    counts_.limit({most, room}, {static_cast<std::size_t>(options_.max_connections_per_ip), room});
  }
}

bool Listener::asks() const {
  return !tls_ && acceptor_ && SIGNET_HAS(acceptor_, signet_rpc_acceptor, verify);
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
    auto connection = std::make_shared<Connection>(acceptor_, self_);
    connection->socket = fd;
    if (endpoint_.kind == Endpoint::Kind::kUnix) {
      accept_unix(std::move(connection));
    } else {
      accept_tcp(std::move(connection));
    }
  }
}

bool Listener::admit(const Connection& connection) {
  const char* reason = nullptr;
  {
    std::lock_guard lock(mutex_);
    if (closing_) return false;
    reason = counts_.add(connection.counts_for, connection.takes);
  }
  if (reason) refused(reason, connection.counts_for);
  return reason == nullptr;
}

// Whoever is shut out finds the reason here, and a flood does not fill the log.
void Listener::refused(const std::string& reason, const std::string& caller) {
  const bool warn = warning_.due(owner_.host.monotonic_ns());
  owner_.host.log(warn ? LogLevel::kWarn : LogLevel::kDebug, "Connection refused",
                  {{"reason", reason}, {"caller", caller}, {"address", address()}});
}

void Listener::accept_unix(ConnectionPtr connection) {
  const auto caller = peer_credentials(connection->socket);
  if (!caller.ok()) return refused(caller.status().message(), "a process");
  signet_rpc_peer& peer = connection->peer->abi;
  peer.transport = SIGNET_RPC_UNIX;
  peer.pid = caller->pid;
  peer.uid = caller->uid;
  peer.gid = caller->gid;
  connection->counts_for = "uid " + std::to_string(caller->uid);
  if (!admit(*connection)) return;
  connection->known = false;
  if ((asks() || !peers_keep_) && !know_peer(*connection).ok()) return connection_ended(connection);
  enter(std::move(connection));
}

// The socket is one descriptor, the pidfd another: whoever never calls costs the first alone.
Status Listener::know_peer(Connection& connection) {
  constexpr ConnectionCounts::Count kPidfd{0, 1};
  const char* reason = nullptr;
  {
    std::lock_guard lock(mutex_);
    reason = counts_.add(connection.counts_for, kPidfd);
  }
  signet_rpc_peer& peer = connection.peer->abi;
  auto process = reason ? Result<PeerProcess>(Status::unavailable(reason))
                        : peer_process(connection.socket, peer.pid);
  if (!process.ok()) refused(process.status().message(), connection.counts_for);
  std::lock_guard lock(mutex_);
  if (process.ok()) {
    peer.pidfd = process->pidfd;
    peer.start_time = process->start_time;
    connection.takes.descriptors += kPidfd.descriptors;
    connection.known = true;
  } else if (!reason) {
    counts_.remove(connection.counts_for, kPidfd);
  }
  return process.status();
}

void Listener::accept_tcp(ConnectionPtr connection) {
  auto caller = tcp_peer(connection->socket);
  if (!caller.ok()) return;
  connection->counts_for = std::move(caller->ip);
  if (!admit(*connection)) return;
  tune_tcp(connection->socket);
  connection->peer->address = std::move(caller->address);
  connection->peer->abi.transport = tls_ ? SIGNET_RPC_TLS : SIGNET_RPC_TCP;
  enter(std::move(connection));
}

void Listener::enter(ConnectionPtr connection) {
  const uint64_t number = next_connection_number();
  connection->peer->abi.connection = number;
  connection->peer->seal();
  const bool ask = asks();
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
    if (counts_.move(connection->counts_for, connection->peer->id, connection->takes)) {
      connection->counts_for = connection->peer->id;
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
  counts_.remove(connection->counts_for, connection->takes);
  if (!connection->peer->verified || connection->peer->id.empty()) return;
  const auto [first, last] = by_id_.equal_range(connection->peer->id);
  const auto found =
      std::find_if(first, last, [&](const auto& e) { return e.second == connection; });
  if (found != last) by_id_.erase(found);
}

}  // namespace signet::rpc_grpc
