// RoleServer: the plugin instance of the server role; puts the parts together and takes them
// apart in the right order.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "signet/plugin.h"

#include "config.h"

namespace signet::server {

class RunningServer;

class RoleServer final : public Plugin {
 public:
  RoleServer(Host host, std::string name);
  ~RoleServer() override;

  static const void* service(std::string_view id);

  Status validate(Call& call, std::string_view config) override;
  Status configure(Call& call, std::string_view config) override;
  Status start(Call& call) override;
  Status drain(Call& call) override;
  Status stop(Call& call) override;

 private:
  std::optional<ServerConfig> config_;
  std::string config_json_;  // what config_ was read from
  std::unique_ptr<RunningServer> running_;
};

}  // namespace signet::server
