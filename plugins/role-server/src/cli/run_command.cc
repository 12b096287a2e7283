// run and validate: flags become a plan that the kernel carries out.
#include <filesystem>

#include <nlohmann/json.hpp>

#include "signet/abi/role.h"

#include "cli/admin_command.h"
#include "cli/io.h"

namespace signet::server::cli {
namespace {

// A flag at its zero value says nothing, as with the peer: it cannot take back what the file says.
struct RunFlags {
  std::string config;
  bool expand_env = false;
  nlohmann::json overrides = nlohmann::json::object();

  void declare(FlagSet& flags) {
    flags.text("config", &config, "configuration file (default conf/server/server.conf)");
    flags.boolean("expandEnv", &expand_env,
                  "replace $NAME and ${NAME} in the file from the environment");
    set_text(flags, "bindAddress", "bind_address", "address that agents connect to");
    set_text(flags, "dataDir", "data_dir", "folder for the server's data");
    set_text(flags, "logFile", "log_file", "file that the log goes to");
    set_text(flags, "logFormat", "log_format", "text or json");
    set_text(flags, "logLevel", "log_level", "debug, info, warn or error");
    set_text(flags, "socketPath", "socket_path", "path of the admin socket");
    set_text(flags, "trustDomain", "trust_domain", "the trust domain that the server is for");
    flags.integer("serverPort", &port, "port that agents connect to");
    flags.boolean("logSourceLocation", &source_location, "log file and line of each message");
  }
  std::string patch() {
    if (port != 0) overrides["bind_port"] = port;
    if (source_location) overrides["log_source_location"] = true;
    if (overrides.empty()) return {};
    return nlohmann::json{{"server", overrides}}.dump(-1, ' ', false,
                                                      nlohmann::json::error_handler_t::replace);
  }

 private:
  void set_text(FlagSet& flags, const char* flag, const char* key, const char* help) {
    flags.custom(
        flag,
        [this, key](std::string_view value) {
          if (value.empty()) {
            overrides.erase(key);
          } else {
            overrides[key] = value;
          }
          return Status();
        },
        help, "string");
  }
  std::int64_t port = 0;
  bool source_location = false;
};

int plan(Context& context, const Args& args, bool validate_only) {
  const std::string prefix = validate_only ? "SPIRE server configuration file is invalid: " : "";
  const auto fail = [&](const std::string& message) {
    context.io.err(prefix + message + "\n");
    return 1;
  };
  RunFlags run;
  FlagSet flags(validate_only ? "validate" : "run");
  run.declare(flags);
  const FlagSet::Outcome outcome = flags.parse(args, context.io);
  if (outcome == FlagSet::Outcome::kHelp) return 0;
  if (outcome == FlagSet::Outcome::kBad) return fail(flags.error());
  if (run.config.empty()) run.config = "conf/server/server.conf";
  std::error_code error;
  if (!std::filesystem::exists(run.config, error) && !error) {
    return fail("could not find config file " +
                std::filesystem::absolute(run.config, error).lexically_normal().string() +
                ": please use the -config flag");
  }
  const std::string patch = run.patch();
  context.call.emit(
      SIGNET_KIND_RUN_PLAN,
      signet_run_plan{sizeof(signet_run_plan), run.expand_env ? 1u : 0u, to_abi(run.config),
                      patch.empty() ? signet_bytes{} : bytes_to_abi(patch), validate_only ? 1u : 0u,
                      0});
  return 0;
}

}  // namespace

int run_server(Context& context, const Args& args) { return plan(context, args, false); }
int validate_config(Context& context, const Args& args) { return plan(context, args, true); }

}  // namespace signet::server::cli
