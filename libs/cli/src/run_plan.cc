#include "cli/run_plan.h"

#include <deque>
#include <filesystem>

#include <nlohmann/json.hpp>

#include "signet/abi/role.h"

#include "cli/flags.h"
#include "cli/go_text.h"

namespace signet::cli {
namespace {

// One flag's effect on the settings. A zero value takes back what the flag said before.
Status apply(const RunFlag& flag, std::string_view value, nlohmann::json& settings) {
  nlohmann::json setting = std::string(value);
  bool zero = value.empty();
  if (flag.kind == RunFlag::Kind::kInteger) {
    SIGNET_TRY(const std::int64_t number, go_parse_int(value));
    setting = number;
    zero = number == 0;
  }
  if (zero) {
    settings.erase(flag.key);
  } else {
    settings[flag.key] = std::move(setting);
  }
  return {};
}

}  // namespace

int plan_run(Context& context, const Args& args, const RunSpec& spec, bool validate_only) {
  const auto fail = [&](const std::string& message) {
    const std::string prefix =
        "SPIRE " + std::string(spec.role) + " configuration file is invalid: ";
    context.io.err((validate_only ? prefix : "") + message + "\n");
    return 1;
  };
  std::string config = spec.default_config;
  bool expand_env = false;
  nlohmann::json settings = nlohmann::json::object();
  std::deque<bool> switches(spec.flags.size());  // a vector's bools have no address
  FlagSet flags(validate_only ? "validate" : "run");
  flags.text("config", &config, "configuration file");
  flags.boolean("expandEnv", &expand_env,
                "replace $NAME and ${NAME} in the file by the environment's");
  for (std::size_t i = 0; i < spec.flags.size(); ++i) {
    const RunFlag& flag = spec.flags[i];
    if (flag.kind == RunFlag::Kind::kSwitch) {
      flags.boolean(flag.name, &switches[i], flag.help);
    } else {
      flags.custom(
          flag.name,
          [&settings, &flag](std::string_view value) { return apply(flag, value, settings); },
          flag.help, flag.kind == RunFlag::Kind::kInteger ? "int" : "string");
    }
  }
  const FlagSet::Outcome outcome = flags.parse(args, context.io);
  if (outcome == FlagSet::Outcome::kHelp) return 0;
  if (outcome == FlagSet::Outcome::kBad) return fail(flags.error());
  for (std::size_t i = 0; i < spec.flags.size(); ++i) {
    if (switches[i]) settings[spec.flags[i].key] = true;
  }

  if (config.empty()) config = spec.default_config;
  std::error_code error;
  if (!std::filesystem::exists(config, error) && !error) {
    return fail("could not find config file " +
                std::filesystem::absolute(config, error).lexically_normal().string() +
                ": please use the -config flag");
  }
  std::string patch;
  if (!settings.empty()) {
    patch = nlohmann::json{{spec.role, std::move(settings)}}.dump(
        -1, ' ', false, nlohmann::json::error_handler_t::replace);
  }
  context.call.emit(SIGNET_KIND_RUN_PLAN,
                    signet_run_plan{sizeof(signet_run_plan), expand_env ? 1u : 0u, to_abi(config),
                                    patch.empty() ? signet_bytes{} : bytes_to_abi(patch),
                                    validate_only ? 1u : 0u, 0});
  return 0;
}

}  // namespace signet::cli
