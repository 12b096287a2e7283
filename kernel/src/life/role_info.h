// RoleInfo: what a role's describe() says (signet/abi/role.h), read once.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "signet/status.h"

namespace signet::kernel {

struct RoleInfo {
  struct Type {
    std::string name;     // "KeyManager"
    std::string service;  // "signet.key_manager/1"
    unsigned min = 0;
    unsigned max = 0;    // 0: any number
    bool reread = true;  // on SIGUSR1, when its plugin_data_file has changed
  };
  // A plugin that is there without being written down.
  struct Default {
    std::string type, name;
    // A top-level block that holds its settings, and the key of it that has to be true; "": always.
    std::string settings, when;
  };
  std::string block;
  std::string scope;
  std::string default_config;
  std::string valid_text;    // printed when a configuration is valid
  std::string invalid_text;  // printed before the findings when it is not
  std::vector<std::string> share;
  std::vector<Type> types;
  std::map<std::string, std::string> later;  // type -> why it has no effect yet
  std::vector<Default> defaults;
  std::chrono::milliseconds drain{10'000};
  std::vector<std::string> capabilities;  // that it cannot do without: "net_bind_service"
  bool confine_writes = false;

  const Type* type(std::string_view name) const;
};

/// Errors   kInternal: not the JSON that role.h asks for
Result<RoleInfo> parse_role_info(std::string_view json);

}  // namespace signet::kernel
