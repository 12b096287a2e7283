// The small services of the admin socket: Debug and Logger. Whoever may open the socket may call.
#pragma once

#include <functional>

#include "admin_endpoint.h"
#include "agent_identity.h"
#include "identity_table.h"

namespace signet::agent {

// spire.agent.debug.v1.Debug: what the agent says of itself.
class DebugService final : public AdminService {
 public:
  struct Sources {
    const AgentIdentity& identity;
    const IdentityTable& table;
    std::function<std::size_t()> jwt_svids;   // how many are cached
    std::function<std::int64_t()> last_sync;  // Unix seconds; 0: never
  };
  DebugService(Host host, Sources sources)
      : host_(std::move(host)), sources_(std::move(sources)), started_ns_(host_.monotonic_ns()) {}
  Status register_methods(RpcListener& listener) override;

 private:
  const Host host_;
  const Sources sources_;
  const std::int64_t started_ns_;
};

// spire.api.agent.logger.v1.Logger: the log level of this agent, until it is restarted.
class LoggerService final : public AdminService {
 public:
  explicit LoggerService(Host host) : host_(std::move(host)) {}
  Status register_methods(RpcListener& listener) override;

 private:
  const Host host_;
};

}  // namespace signet::agent
