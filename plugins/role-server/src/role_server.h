// RoleServer: the plugin instance of the server role.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "signet/role.h"

#include "config.h"
#include "config_schema.h"

namespace signet::server {

class ImportTask;
class RunningServer;

class RoleServer final : public Role<ServerConfig> {
 public:
  RoleServer(Host host, std::string name);
  ~RoleServer() override;

  static const void* service(std::string_view id) { return service_of<kRoleDescription>(id); }

 private:
  Result<int> run_command(const Call& call, const std::vector<std::string>& argv,
                          const int fds[3]) override;
  Status prepare(const ServerConfig& config) override;
  Status bring_up(const Call& call) override;
  void finish_calls(std::chrono::nanoseconds time) override;
  void take_down() override;

  std::unique_ptr<RunningServer> running_;
  std::unique_ptr<ImportTask> import_;  // instead of it
};

}  // namespace signet::server
