// The listener's side of our own HTTP/2 server.
#include <algorithm>
#include <chrono>

#include "listener.h"
#include "runtime.h"

namespace signet::rpc_grpc {

std::string Listener::key_of(const Connection& connection) {
  return std::to_string(connection.peer->abi.connection);
}

void Listener::enter_own(const ConnectionPtr& connection) {
  runtime().h2_loop.post([self = shared_from_this(), connection] {
    {
      std::lock_guard lock(self->mutex_);
      if (self->closing_) {  // its verdict came late
        self->connections_.erase(key_of(*connection));
        connection->shut_down();
        return;
      }
    }
    H2Loop& loop = runtime().h2_loop;
    loop.add(std::make_unique<H2Connection>(&loop, self, connection));
  });
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

void Listener::connection_ended(const ConnectionPtr& connection) {
  leave(key_of(*connection), connection);
}

void Listener::drain_own(int64_t deadline_ns) {
  H2Loop& loop = runtime().h2_loop;
  const auto each = [&](void (*fn)(H2Connection&)) {
    loop.run([&] {
      loop.for_each([&](H2Connection& c) {
        if (&c.service() == this) fn(c);
      });
    });
  };
  each([](H2Connection& c) { c.go_away(); });
  {
    const auto left = std::clamp<int64_t>(deadline_ns - owner_.host.monotonic_ns(), 0,
                                          INT64_C(86'400'000'000'000));
    std::unique_lock lock(mutex_);
    quiet_.wait_for(lock, std::chrono::nanoseconds(left),
                    [&] { return open_calls_ == 0 && pending_ == 0; });
  }
  each([](H2Connection& c) { c.close(nullptr); });
}

}  // namespace signet::rpc_grpc
