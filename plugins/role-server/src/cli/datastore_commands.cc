// datastore check|migrate|import-spire: the datastore that a configuration names, while no server
// runs on it.
#include <filesystem>
#include <optional>

#include <nlohmann/json.hpp>

#include "signet/abi/role.h"

#include "cli/commands.h"
#include "cli/flags.h"
#include "cli/go_text.h"

namespace signet::server::cli {
namespace {

using nlohmann::json;
using signet::cli::FlagSet;

// The flags that all of them have.
struct Task {
  explicit Task(const char* word) : flags(std::string("datastore ") + word) {
    flags.text("config", &config, "configuration file of the server");
    flags.boolean("expandEnv", &expand_env,
                  "replace $NAME and ${NAME} in the file by the environment's");
  }
  std::string config = "conf/server/server.conf";
  bool expand_env = false;
  FlagSet flags;
};

int failed(Context& context, const std::string& message) {
  context.io.err(message + "\n");
  return 1;
}

// The exit code, or none: go on. A word too many would have a forgotten -config migrate the
// default's datastore.
std::optional<int> parse(Context& context, Task& task, const Args& args) {
  const FlagSet::Outcome outcome = task.flags.parse(args, context.io);
  if (outcome == FlagSet::Outcome::kHelp) return 0;
  if (outcome == FlagSet::Outcome::kBad) return failed(context, task.flags.error());
  if (task.flags.rest().empty()) return std::nullopt;
  return failed(context, "unexpected argument " + signet::cli::go_quote(task.flags.rest().front()) +
                             ": the configuration file is named by the -config flag");
}

// The kernel starts the role with the task as a setting; see datastore_task.h, import_task.h.
int plan(Context& context, const Task& task, json settings) {
  std::error_code error;
  if (!std::filesystem::exists(task.config, error)) {
    return failed(context,
                  "could not find config file " + task.config + ": please use the -config flag");
  }
  settings["log_level"] = "FATAL";  // why it failed is said once, at the end
  const std::string patch = json{{"server", std::move(settings)}}.dump();
  context.call.emit(SIGNET_KIND_RUN_PLAN,
                    signet_run_plan{sizeof(signet_run_plan), task.expand_env ? 1u : 0u,
                                    to_abi(task.config), bytes_to_abi(patch), 0, 0});
  return 0;
}

int plan_schema_task(Context& context, const Args& args, const char* word) {
  Task task(word);
  if (const auto end = parse(context, task, args)) return *end;
  return plan(context, task, {{"datastore_task", word}});
}

}  // namespace

int check_datastore(Context& context, const Args& args) {
  return plan_schema_task(context, args, "check");
}
int migrate_datastore(Context& context, const Args& args) {
  return plan_schema_task(context, args, "migrate");
}

int import_spire(Context& context, const Args& args) {
  Task task("import-spire");
  std::string spire_config;
  bool dry_run = false;
  task.flags.text("spireConfig", &spire_config, "configuration file of the SPIRE server");
  task.flags.boolean("dryRun", &dry_run, "look at everything and write nothing");
  if (const auto end = parse(context, task, args)) return *end;
  if (spire_config.empty()) return failed(context, "please use the -spireConfig flag");
  return plan(context, task,
              {{"datastore_task", dry_run ? "look" : "fill"},
               {"spire_import", {{"config_path", spire_config}, {"expand_env", task.expand_env}}}});
}

}  // namespace signet::server::cli
