#include "role_agent.h"

#include "cli/command.h"
#include "proto/quiet.h"
#include "running_agent.h"

namespace signet::agent {

RoleAgent::RoleAgent(Host host, std::string name)
    : Role(std::move(host), std::move(name), {"agent", std::chrono::seconds(5)}) {}
RoleAgent::~RoleAgent() = default;

Result<int> RoleAgent::run_command(const Call& call, const std::vector<std::string>& argv,
                                   const int fds[3]) {
  return cli::run(host(), call, argv, fds);
}

Status RoleAgent::prepare(const AgentConfig& config) {
  return make_data_dir("agent.data_dir", config.data_dir);
}

Status RoleAgent::bring_up(const Call&) {
  proto::keep_protobuf_quiet();
  host().info("Starting agent", {{"data_dir", config().data_dir}, {"version", SIGNET_VERSION}});
  SIGNET_TRY(running_, RunningAgent::start(host(), config()));
  return {};
}

void RoleAgent::finish_calls(std::chrono::nanoseconds time) {
  if (running_) running_->drain(time);
}

void RoleAgent::take_down() { running_.reset(); }

}  // namespace signet::agent
