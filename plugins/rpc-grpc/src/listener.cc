#include "listener.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>
#include <unistd.h>

#include <sys/socket.h>

#include "peer_process.h"
#include "runtime.h"
#include "tcp_listener.h"
#include "tls_server.h"

namespace signet::rpc_grpc {
namespace {

// Over a network a window is a speed limit: this much may be under way at once.
constexpr int kTcpStreamWindow = 256 * 1024;
constexpr int kTcpConnectionWindow = 1024 * 1024;

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
  set_limits();
  if (tls_) SIGNET_RETURN_IF_ERROR(tls_->load_identity());
  serving_ = true;

  if (::listen(fd_, kBacklog) != 0) {
    const int error = errno;
    return Status::failed_precondition("cannot listen on " + address() + ": " +
                                       std::strerror(error));
  }
  peers_keep_ = endpoint_.kind == Endpoint::Kind::kUnix && keeps_its_peer(fd_);
  token_ = runtime().accept_loop.watch_listener(fd_, [this] { accept_ready(); });
  if (token_ == 0) return Status::unavailable("cannot watch " + address());
  return {};
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
