// RoleAgent: the plugin instance of the agent role.
#pragma once

#include <memory>
#include <optional>

#include "signet/plugin.h"

#include "config.h"

namespace signet::agent {

class RunningAgent;

class RoleAgent final : public Plugin {
 public:
  RoleAgent(Host host, std::string name);
  ~RoleAgent() override;

  static const void* service(std::string_view id);

  Status validate(Call& call, std::string_view config) override;
  Status configure(Call& call, std::string_view config) override;
  Status start(Call& call) override;
  Status drain(Call& call) override;
  Status stop(Call& call) override;

 private:
  std::optional<AgentConfig> config_;
  std::unique_ptr<RunningAgent> running_;
};

}  // namespace signet::agent
