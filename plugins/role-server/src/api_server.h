// ApiServer: the server's two sockets and the way of a call from there to its handler:
// authorisation, rate limit, handler, audit.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
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

  /// Open the admin socket, and the port for agents. Block.
  /// Errors   the transport's, with the address in the text
  Status start_local();
  Status start_network();
  /// Shuts the port for agents; start_network() opens it again. Blocks.
  void stop_network(std::chrono::nanoseconds drain);
  /// Stops accepting, lets calls end for that long, then cancels them. Blocks.
  void stop(std::chrono::nanoseconds drain);

  /// New handshakes show the server's new SVID.
  void identity_changed();
  /// Ends the connections of an agent that was banned or evicted.
  void disconnect(const std::string& spiffe_id);

 private:
  class TlsAcceptor;
  Status open_admin_socket();
  Result<std::unique_ptr<RpcListener>> open_tcp();
  std::shared_ptr<RpcListener> network() const;
  Status register_methods(RpcListener& listener, bool local);
  Status authorize(ServerCall& call, bool local) const;
  void dispatch(const MethodRegistry::Method& method, const std::shared_ptr<ServerCall>& call,
                std::string_view first);
  void run(const MethodRegistry::Method& method, const std::shared_ptr<CallContext>& context,
           std::unique_ptr<UnaryTask> task, std::string_view first);
  struct Reserved {
    std::string who;  // as limited_as() said
    std::uint32_t cost;
    std::int64_t wait_ns;  // until its turn
  };
  /// Runs it when it is its turn, without a worker meanwhile; a caller that leaves takes back what
  /// it had reserved.
  void wait_for_turn(const MethodRegistry::Method& method,
                     const std::shared_ptr<CallContext>& context, std::unique_ptr<UnaryTask> task,
                     std::string_view first, Reserved reserved);
  /// Whom a limit counts the call for: an address, or an agent. As long as the caller is there.
  static std::string_view limited_as(const MethodRule& rule, const Caller& caller);
  bool limited(const MethodRule& rule, const Caller& caller) const;
  Result<std::int64_t> reserve(const MethodRule& rule, const Caller& caller, std::string_view who,
                               std::uint32_t cost, const ServerCall& call);

  ServiceContext& context_;
  const MethodRegistry& methods_;
  Authorizer authorizer_;
  RateLimiter limiter_;
  DelayedWork delayed_;
  std::atomic<std::size_t> waiting_bytes_{0};
  std::unique_ptr<TlsAcceptor> acceptor_;
  std::unique_ptr<RpcListener> admin_;
  mutable std::mutex network_mutex_;      // guards the pointer, never held over a call
  std::shared_ptr<RpcListener> network_;  // while the port for agents is open
};

}  // namespace signet::server
