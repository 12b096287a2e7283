// ApiServer: the server's two sockets and the way of a call from there to its handler:
// authorisation, rate limit, handler, audit.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "signet/rpc/listener.h"

#include "authorizer.h"
#include "method_registry.h"
#include "rate_limiter.h"
#include "service_context.h"

namespace signet::server {

class ApiServer {
 public:
  /// `methods` and `context` outlive this.
  ApiServer(ServiceContext& context, const MethodRegistry& methods);
  ~ApiServer();

  /// Opens both sockets. Blocks. Errors   the transport's, with the address in the text
  Status start();
  /// Its two halves: the admin socket, and the port for agents.
  Status start_local();
  Status start_network();
  /// Shuts the port for agents for good. Blocks.
  void stop_network(std::chrono::nanoseconds drain);
  /// Stops accepting, lets calls end for that long, then cancels them. Blocks.
  void stop(std::chrono::nanoseconds drain);

  /// New handshakes show the server's new SVID.
  void identity_changed();
  /// Ends the connections of an agent that was banned or evicted.
  void disconnect(const std::string& spiffe_id);
  /// Where agents reach it, "tcp:127.0.0.1:40001"; after start().
  std::string tcp_address() const { return on_network_ ? tcp_->address() : std::string(); }

 private:
  class TlsAcceptor;
  Status open_admin_socket();
  Status open_tcp();
  Status register_methods(RpcListener& listener, bool local);
  Status authorize(ServerCall& call, bool local) const;
  void dispatch(const MethodRegistry::Method& method, const std::shared_ptr<ServerCall>& call,
                std::string_view first);
  void run(const MethodRegistry::Method& method, const std::shared_ptr<CallContext>& context,
           std::unique_ptr<UnaryTask> task, std::string_view first);
  Result<std::int64_t> reserve(const MethodRule& rule, const Caller& caller, std::uint32_t cost,
                               const ServerCall& call);

  ServiceContext& context_;
  const MethodRegistry& methods_;
  Authorizer authorizer_;
  RateLimiter limiter_;
  DelayedWork delayed_;
  std::unique_ptr<TlsAcceptor> acceptor_;
  std::unique_ptr<RpcListener> admin_;
  std::unique_ptr<RpcListener> tcp_;
  std::atomic<bool> on_network_{false};  // tcp_ is there and serves
};

}  // namespace signet::server
