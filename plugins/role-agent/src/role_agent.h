// RoleAgent: the plugin instance of the agent role.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "signet/role.h"

#include "config.h"
#include "config_schema.h"

namespace signet::agent {

class RunningAgent;

class RoleAgent final : public Role<AgentConfig> {
 public:
  RoleAgent(Host host, std::string name);
  ~RoleAgent() override;

  static const void* service(std::string_view id) { return service_of<kRoleDescription>(id); }

 private:
  Result<int> run_command(const Call& call, const std::vector<std::string>& argv,
                          const int fds[3]) override;
  Status prepare(const AgentConfig& config) override;
  Status bring_up(const Call& call) override;
  void finish_calls(std::chrono::nanoseconds time) override;
  void take_down() override;

  std::unique_ptr<RunningAgent> running_;
};

}  // namespace signet::agent
