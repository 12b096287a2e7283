// RoleDev: a role made of two others, for a developer's machine. Its start brings up a server and
// an agent in scopes of their own, registers the current user and says how to get the identity;
// the kernel ends the scopes, the last one first.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "signet/plugin.h"

#include "config.h"
#include "state_folder.h"

namespace signet::dev {

class RoleDev final : public Plugin {
 public:
  RoleDev(Host host, std::string name) : Plugin(std::move(host), std::move(name)) {}

  static const void* service(std::string_view id);

  Status validate(Call& call, std::string_view config) override;
  Status configure(Call& call, std::string_view config) override;
  Status start(Call& call) override;
  Status stop(Call& call) override;

 private:
  Status start_scope(const Call& call, const char* role, const char* scope,
                     const std::string& config_json) const;

  std::optional<DevConfig> config_;
  std::optional<StateFolder> folder_;
};

}  // namespace signet::dev
