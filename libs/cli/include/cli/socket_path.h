// Which socket a command talks to: its flags, then the environment, then the default.
#pragma once

#include <string>

#include "cli/flags.h"

namespace signet::cli {

class SocketPath {
 public:
  /// default_path   also what -socketPath shows as default
  /// variable       environment variable with a path; `variable`_TEMPLATE has a path with "%i",
  ///                which -instance fills in
  SocketPath(const char* default_path, const char* variable)
      : default_path_(default_path), variable_(variable), path_(default_path) {}

  void declare(FlagSet& flags, const char* path_help);
  bool instance_given() const { return !instance_.empty(); }

  enum class Problem { kNone, kNoTemplate, kNoPlaceholder };
  /// Whether -instance can be followed.
  Problem problem() const;
  std::string template_variable() const { return variable_ + "_TEMPLATE"; }
  /// The path; only when there is no problem().
  std::string resolve() const;

 private:
  std::string default_path_, variable_, path_, instance_;
};

}  // namespace signet::cli
