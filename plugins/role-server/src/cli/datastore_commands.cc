// datastore check|migrate: the tables of the datastore that a configuration names, while no server
// runs on it.
#include <filesystem>

#include "signet/abi/role.h"

#include "cli/commands.h"
#include "cli/flags.h"

namespace signet::server::cli {
namespace {

using signet::cli::FlagSet;

// The kernel starts the role with the task as a setting; see datastore_task.h.
int plan_task(Context& context, const Args& args, const std::string& task) {
  std::string config = "conf/server/server.conf";
  bool expand_env = false;
  FlagSet flags("datastore " + task);
  flags.text("config", &config, "configuration file of the server");
  flags.boolean("expandEnv", &expand_env,
                "replace $NAME and ${NAME} in the file by the environment's");
  const FlagSet::Outcome outcome = flags.parse(args, context.io);
  if (outcome == FlagSet::Outcome::kHelp) return 0;
  if (outcome == FlagSet::Outcome::kBad) {
    context.io.err(flags.error() + "\n");
    return 1;
  }
  std::error_code error;
  if (!std::filesystem::exists(config, error)) {
    context.io.err("could not find config file " + config + ": please use the -config flag\n");
    return 1;
  }
  const std::string patch =
      R"({"server":{"log_level":"ERROR","datastore_task":")" + task + R"("}})";
  context.call.emit(SIGNET_KIND_RUN_PLAN,
                    signet_run_plan{sizeof(signet_run_plan), expand_env ? 1u : 0u, to_abi(config),
                                    bytes_to_abi(patch), 0, 0});
  return 0;
}

}  // namespace

int check_datastore(Context& context, const Args& args) {
  return plan_task(context, args, "check");
}
int migrate_datastore(Context& context, const Args& args) {
  return plan_task(context, args, "migrate");
}

}  // namespace signet::server::cli
