#include "cli/operators.h"

namespace signet::cli {
namespace {

namespace types = ::spire::api::types;

struct Level {
  types::LogLevel number;
  const char* name;  // as SPIRE's logs spell it
};
constexpr Level kLevels[] = {{types::PANIC, "panic"}, {types::FATAL, "fatal"},
                             {types::ERROR, "error"}, {types::WARN, "warning"},
                             {types::INFO, "info"},   {types::DEBUG, "debug"},
                             {types::TRACE, "trace"}};

Result<std::string> level_name(types::LogLevel number, const char* which) {
  for (const Level& level : kLevels) {
    if (level.number == number) return std::string(level.name);
  }
  return Status::internal(std::string("the answer's ") + which + " log level has no name");
}

}  // namespace

Result<types::LogLevel> parse_log_level(const std::string& word) {
  std::string name = word;
  for (char& c : name) c = (c >= 'A' && c <= 'Z') ? static_cast<char>(c - 'A' + 'a') : c;
  if (name == "warn") return types::WARN;
  for (const Level& level : kLevels) {
    if (name == level.name) return level.number;
  }
  return Status::invalid_argument("the value " + go_quote(word) + " is not a valid setting");
}

Result<std::string> logger_text(const types::Logger& logger) {
  SIGNET_TRY(const std::string current, level_name(logger.current_level(), "current"));
  SIGNET_TRY(const std::string launch, level_name(logger.launch_level(), "launch"));
  return "Logger Level : " + current + "\nLaunch Level : " + launch + "\n\n";
}

}  // namespace signet::cli
