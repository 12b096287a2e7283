#include "cli/socket_path.h"

#include <cstdlib>

namespace signet::cli {
namespace {

std::string environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): nobody sets
  return value != nullptr ? value : "";
}

}  // namespace

void SocketPath::declare(FlagSet& flags, const char* path_help) {
  flags.text("socketPath", &path_, path_help);
  flags.text("instance", &instance_,
             "name of one of several instances; replaces %i in the socket template of the "
             "environment");
}

SocketPath::Problem SocketPath::problem() const {
  if (instance_.empty()) return Problem::kNone;
  const std::string pattern = environment(template_variable());
  if (pattern.empty()) return Problem::kNoTemplate;
  return pattern.find("%i") == std::string::npos ? Problem::kNoPlaceholder : Problem::kNone;
}

std::string SocketPath::resolve() const {
  if (path_ != default_path_) return path_;
  if (!instance_.empty()) {
    std::string path = environment(template_variable());
    for (std::size_t at = path.find("%i"); at != std::string::npos;
         at = path.find("%i", at + instance_.size())) {
      path.replace(at, 2, instance_);
    }
    return path;
  }
  const std::string given = environment(variable_);
  return given.empty() ? default_path_ : given;
}

}  // namespace signet::cli
