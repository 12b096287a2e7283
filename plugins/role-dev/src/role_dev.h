// RoleDev: a role made of two others, for a developer's machine. Its start brings up a server and
// an agent in scopes of their own, registers the current user and says how to get the identity;
// the kernel ends the scopes, the last one first.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "signet/role.h"

#include "config.h"
#include "state_folder.h"

namespace signet::dev {

class RoleDev final : public Role<DevConfig> {
 public:
  RoleDev(Host host, std::string name)
      : Role(std::move(host), std::move(name), {"dev", std::chrono::nanoseconds(0)}) {}

  static const void* service(std::string_view id) { return service_of<kRoleDescription>(id); }

 private:
  Result<int> run_command(const Call& call, const std::vector<std::string>& argv,
                          const int fds[3]) override;
  Status bring_up(const Call& call) override;
  void take_down() override { folder_.reset(); }

  Status start_scope(const Call& call, const char* role, const char* scope,
                     const std::string& config_json) const;

  std::optional<StateFolder> folder_;
};

}  // namespace signet::dev
