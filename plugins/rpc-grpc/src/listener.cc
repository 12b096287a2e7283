#include "listener.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

#include <grpc/impl/codegen/grpc_types.h>
#include <grpcpp/server_posix.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "acceptor_call.h"
#include "peer_process.h"
#include "runtime.h"
#include "tcp_listener.h"
#include "tls_server.h"

namespace signet::rpc_grpc {
namespace {

constexpr int kReadChunk = 512;  // bytes
constexpr int64_t kVerifyTimeoutNs = 10'000'000'000;

// A call that is over before it began.
class Refusal final : public grpc::ServerGenericBidiReactor {
 public:
  explicit Refusal(grpc::Status status) { Finish(std::move(status)); }
  void OnDone() override { delete this; }
};

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
    tls_ = std::make_unique<TlsServer>(owner_, options_, *acceptor_, self_);
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

Status Listener::start_grpc() {
  grpc::ServerBuilder builder;
  builder.RegisterCallbackGenericService(this);
  builder.SetMaxReceiveMessageSize(options_.max_message);
  builder.SetMaxSendMessageSize(-1);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, options_.max_streams);
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, 16 * 1024);
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, 10'000);
  builder.AddChannelArgument(GRPC_ARG_ENABLE_CENSUS, 0);
  builder.AddChannelArgument(GRPC_ARG_ENABLE_CHANNELZ, 0);
  builder.AddChannelArgument(GRPC_ARG_MAX_CHANNEL_TRACE_EVENT_MEMORY_PER_NODE, 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  // An idle connection keeps one read buffer; most callers send little and then only listen.
  builder.AddChannelArgument(GRPC_ARG_TCP_READ_CHUNK_SIZE, kReadChunk);
  builder.AddChannelArgument(GRPC_ARG_TCP_MIN_READ_CHUNK_SIZE, kReadChunk);
  builder.AddChannelArgument(GRPC_ARG_ENABLE_PER_MESSAGE_COMPRESSION, 0);
  if (options_.max_connection_age_s > 0) {
    builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS,
                               options_.max_connection_age_s * 1000);
  }
  if (tls_) tls_->add_to(builder);
  server_ = builder.BuildAndStart();
  if (!server_) return Status::internal("cannot start the gRPC server for " + address());
  return {};
}

Status Listener::serve() {
  if (serving_) return Status::failed_precondition("the listener serves already");
  if (endpoint_.kind == Endpoint::Kind::kUnix) {
    SIGNET_TRY(unix_socket_, bind_unix(endpoint_.path, options_.socket_mode, options_.folder_mode));
    fd_ = unix_socket_.fd;
  }
  if (tls_) SIGNET_RETURN_IF_ERROR(tls_->load_identity());

  own_http2_ = endpoint_.kind == Endpoint::Kind::kUnix && runtime().own_http2;
  if (!own_http2_) SIGNET_RETURN_IF_ERROR(start_grpc());
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
        owner_.host.error("Out of file descriptors, callers have to wait",
                          {{"address", address()}});
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

bool Listener::admit(int fd, const std::string& ip) {
  const char* reason = nullptr;
  {
    std::lock_guard lock(mutex_);
    if (closing_) {
      reason = "the listener is closing";
    } else if (connections_.size() >= static_cast<std::size_t>(options_.max_connections)) {
      reason = "too many connections";
    } else if (!ip.empty() && per_ip_[ip] >= options_.max_connections_per_ip) {
      reason = "too many connections from this address";
    } else if (!ip.empty()) {
      ++per_ip_[ip];
    }
  }
  if (!reason) return true;
  owner_.host.debug("Connection refused", {{"reason", reason}, {"caller_addr", ip}});
  ::close(fd);
  return false;
}

void Listener::accept_unix(int fd) {
  auto process = peer_process(fd);
  if (!process.ok()) {
    owner_.host.log_status(LogLevel::kDebug, "Connection refused", process.status());
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
  if (!admit(fd, {})) return;
  if (own_http2_) connection->socket = fd;
  enter(std::move(connection), "fd:" + std::to_string(fd), fd);
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
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  const bool v6 = ip.find(':') != std::string::npos;
  auto connection = std::make_shared<Connection>(acceptor_, self_);
  connection->peer->address = (v6 ? "[" + ip + "]" : ip) + ":" + std::to_string(port);
  connection->peer->abi.transport = tls_ ? SIGNET_RPC_TLS : SIGNET_RPC_TCP;
  if (!admit(fd, ip)) return;
  connection->ip = ip;
  // gRPC names an accepted TLS connection by its address, one from a descriptor by its number.
  std::string key = tls_ ? connection->peer->address : "fd:" + std::to_string(fd);
  enter(std::move(connection), std::move(key), fd);
}

void Listener::enter(ConnectionPtr connection, std::string key, int fd) {
  connection->peer->abi.connection = next_connection_number();
  connection->peer->seal();
  if (own_http2_) {
    key = key_of(*connection);
  } else {
    connection->socket = fcntl(fd, F_DUPFD_CLOEXEC, 3);
  }
  if (connection->socket < 0) {
    owner_.host.error("Out of file descriptors", {{"address", address()}});
    leave({}, connection);
    ::close(fd);
    return;
  }
  {
    std::lock_guard lock(mutex_);
    // The name is free when its old bearer is gone in fact, though the loop may not know yet. A
    // caller that comes by two of our addresses from one port of its own is the exception: refused.
    ConnectionPtr& slot = connections_[key];
    if (slot && tls_) slot->shut_down();
    slot = connection;
  }
  if (!own_http2_) {
    const std::weak_ptr<Listener> weak = weak_from_this();
    connection->token =
        runtime().accept_loop.watch_connection(connection->socket, [weak, key, connection] {
          if (const auto self = weak.lock()) self->leave(key, connection);
        });
  }
  // A plaintext connection is verified before gRPC sees it, a TLS one within its handshake.
  if (tls_ || !acceptor_ || !SIGNET_HAS(acceptor_, signet_rpc_acceptor, verify))
    return hand_over(connection, fd);
  {
    std::lock_guard lock(mutex_);
    ++pending_;
  }
  const auto judged = [self = shared_from_this(), key, fd](ConnectionPtr c,
                                                           Result<Verdict> verdict) {
    if (verdict) {
      c->peer->accept(std::move(verdict->id), verdict->user);
      self->hand_over(c, fd);
    } else {
      self->owner_.host.log_status(LogLevel::kInfo, "Connection refused", verdict.status());
      self->leave(key, c);
      c->shut_down();
      if (!self->own_http2_) ::close(fd);
    }
    c.reset();  // before the count: nobody holds it when close() goes on
    std::lock_guard lock(self->mutex_);
    --self->pending_;
    self->quiet_.notify_all();
  };
  auto shared = std::make_shared<ConnectionPtr>(std::move(connection));
  const Status posted = owner_.host.post([self = shared_from_this(), shared, judged] {
    const signet_rpc_peer& peer = (*shared)->peer->abi;
    ask_verdict(self->owner_, *self->acceptor_, self->self_, peer,
                self->owner_.host.monotonic_ns() + kVerifyTimeoutNs,
                [shared, judged](Result<Verdict> verdict) {
                  judged(std::move(*shared), std::move(verdict));
                });
  });
  if (!posted.ok()) judged(std::move(*shared), posted);
}

void Listener::hand_over(const ConnectionPtr& connection, int fd) {
  if (own_http2_) {
    enter_own(connection);
  } else if (tls_) {
    tls_->hand_over(connection, fd_, fd);
  } else {
    grpc::AddInsecureChannelFromFd(server_.get(), fd);
  }
}

void Listener::leave(const std::string& key, const ConnectionPtr& connection) {
  if (tls_) tls_->forget(connection);
  std::lock_guard lock(mutex_);
  const auto it = connections_.find(key);
  if (it != connections_.end() && it->second == connection) connections_.erase(it);
  if (!connection->ip.empty()) {
    const auto count = per_ip_.find(connection->ip);
    if (count != per_ip_.end() && --count->second <= 0) per_ip_.erase(count);
    connection->ip.clear();
  }
}

ConnectionPtr Listener::find(const std::string& key) {
  std::lock_guard lock(mutex_);
  const auto it = connections_.find(key);
  if (it == connections_.end()) return nullptr;
  ++open_calls_;
  return it->second;
}

grpc::ServerGenericBidiReactor* Listener::refuse(grpc::StatusCode code, std::string message) {
  return new Refusal(grpc::Status(code, std::move(message)));
}

grpc::ServerGenericBidiReactor* Listener::CreateReactor(
    grpc::GenericCallbackServerContext* context) {
  const auto method = methods_.find(context->method());
  if (method == methods_.end()) {
    return refuse(grpc::StatusCode::UNIMPLEMENTED, unknown_method_words(context->method()));
  }
  std::string key = context->peer();
  if (tls_) key = TlsServer::address_of(key);
  ConnectionPtr connection = find(key);
  // Its hang-up was seen already: what was still in the buffers is nobody's call any more.
  if (!connection) return refuse(grpc::StatusCode::UNAVAILABLE, "the connection is closed");
  if (tls_) {
    if (const Status bound = tls_->bind(connection); !bound.ok()) {
      call_ended();
      return refuse(grpc::StatusCode::UNAVAILABLE, bound.message());
    }
  }
  auto* stream = new ServerStream(method->second, &owner_, this, connection->peer, context);
  stream->open();
  return stream;
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
    for (const auto& [key, connection] : connections_) {
      if (connection->peer->verified && connection->peer->id == id) affected.push_back(connection);
    }
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
  // gRPC's shutdown blocks until the calls are over; a worker must not be held for that long.
  std::thread([self = shared_from_this(), deadline_ns, done = std::move(done)]() mutable {
    if (self->server_) {
      const int64_t left = deadline_ns - self->owner_.host.monotonic_ns();
      const auto wait =
          std::chrono::nanoseconds(std::clamp<int64_t>(left, 0, INT64_C(86'400'000'000'000)));
      self->server_->Shutdown(std::chrono::system_clock::now() + wait);
    }
    if (self->own_http2_) self->drain_own(deadline_ns);
    if (self->tls_) self->tls_->stop();
    std::unordered_map<std::string, ConnectionPtr> connections;
    {
      std::unique_lock lock(self->mutex_);
      self->quiet_.wait(lock, [&] { return self->open_calls_ == 0 && self->pending_ == 0; });
      connections.swap(self->connections_);
    }
    for (const auto& [key, connection] : connections) {
      if (connection->token != 0)
        runtime().accept_loop.remove(connection->token, connection->socket);
    }
    connections.clear();
    runtime().accept_loop.barrier();
    self->server_.reset();
    self.reset();
    done();
  }).detach();
}

}  // namespace signet::rpc_grpc
