#include "cli/run_plan.h"

#include <deque>
#include <filesystem>

#include <nlohmann/json.hpp>

#include "signet/abi/role.h"

#include "cli/flags.h"
#include "cli/go_text.h"

namespace signet::cli {
namespace {

constexpr RunFlag kLogFlags[] = {
    {"logFile", "log_file", RunFlag::Kind::kText, "file that the log goes to"},
    {"logFormat", "log_format", RunFlag::Kind::kText, "text or json"},
    {"logLevel", "log_level", RunFlag::Kind::kText, "debug, info, warn or error"},
    {"logSourceLocation", "log_source_location", RunFlag::Kind::kSwitch,
     "log file and line of each message"},
};

// What the flags say, as a JSON merge patch of the role's block.
class Overrides {
 public:
  void declare(FlagSet& flags, std::span<const RunFlag> table) {
    for (const RunFlag& flag : table) {
      if (flag.kind == RunFlag::Kind::kSwitch) {
        bool& on = switches_.emplace_back(flag.key, false).second;
        flags.boolean(flag.name, &on, flag.help);
        continue;
      }
      flags.custom(
          flag.name, [this, &flag](std::string_view value) { return set(flag, value); }, flag.help,
          flag.kind == RunFlag::Kind::kInteger ? "int" : "string");
    }
  }
  /// "" when there is nothing to override.
  std::string patch(const char* block) const {
    nlohmann::json settings = settings_;
    for (const auto& [key, on] : switches_) {
      if (on) settings[key] = true;
    }
    if (settings.empty()) return {};
    return nlohmann::json{{block, std::move(settings)}}.dump(
        -1, ' ', false, nlohmann::json::error_handler_t::replace);
  }

 private:
  // A zero value takes back what the flag said before.
  Status set(const RunFlag& flag, std::string_view value) {
    nlohmann::json setting = std::string(value);
    bool zero = value.empty();
    if (flag.kind == RunFlag::Kind::kInteger) {
      SIGNET_TRY(const std::int64_t number, go_parse_int(value));
      setting = number;
      zero = number == 0;
    }
    if (zero) {
      settings_.erase(flag.key);
    } else {
      settings_[flag.key] = std::move(setting);
    }
    return {};
  }

  nlohmann::json settings_ = nlohmann::json::object();
  std::deque<std::pair<const char*, bool>> switches_;  // key, given; its items stay in place
};

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
  Overrides overrides;
  FlagSet flags(validate_only ? "validate" : "run");
  flags.text("config", &config, "configuration file");
  flags.boolean("expandEnv", &expand_env,
                "replace $NAME and ${NAME} in the file by the environment's");
  overrides.declare(flags, kLogFlags);
  overrides.declare(flags, spec.flags);
  const FlagSet::Outcome outcome = flags.parse(args, context.io);
  if (outcome == FlagSet::Outcome::kHelp) return 0;
  if (outcome == FlagSet::Outcome::kBad) return fail(flags.error());

  if (config.empty()) config = spec.default_config;
  std::error_code error;
  if (!std::filesystem::exists(config, error) && !error) {
    return fail("could not find config file " +
                std::filesystem::absolute(config, error).lexically_normal().string() +
                ": please use the -config flag");
  }
  const std::string patch = overrides.patch(spec.role);
  context.call.emit(SIGNET_KIND_RUN_PLAN,
                    signet_run_plan{sizeof(signet_run_plan), expand_env ? 1u : 0u, to_abi(config),
                                    patch.empty() ? signet_bytes{} : bytes_to_abi(patch),
                                    validate_only ? 1u : 0u, 0});
  return 0;
}

}  // namespace signet::cli
