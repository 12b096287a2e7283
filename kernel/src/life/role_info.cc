#include "life/role_info.h"

#include <nlohmann/json.hpp>

namespace signet::kernel {

const RoleInfo::Type* RoleInfo::type(std::string_view name) const {
  for (const Type& t : types) {
    if (t.name == name) return &t;
  }
  return nullptr;
}

Result<RoleInfo> parse_role_info(std::string_view json) {
  try {
    const auto root = nlohmann::ordered_json::parse(json);
    RoleInfo info;
    info.block = root.at("block").get<std::string>();
    info.scope = root.value("scope", info.block);
    info.default_config = root.value("default_config", "");
    info.valid_text = root.value("valid_text", "The configuration is valid.");
    info.invalid_text = root.value("invalid_text", "The configuration is invalid:");
    if (root.contains("share")) info.share = root.at("share").get<std::vector<std::string>>();
    if (root.contains("types")) {
      for (const auto& [name, rule] : root.at("types").items()) {
        info.types.push_back({name, rule.at("service").get<std::string>(), rule.value("min", 0u),
                              rule.value("max", 0u), rule.value("reread", true)});
      }
    }
    if (root.contains("later"))
      info.later = root.at("later").get<std::map<std::string, std::string>>();
    if (root.contains("defaults")) {
      for (const auto& item : root.at("defaults")) {
        info.defaults.push_back({item.at("type").get<std::string>(),
                                 item.at("name").get<std::string>(), item.value("settings", ""),
                                 item.value("when", "")});
      }
    }
    if (root.contains("capabilities"))
      info.capabilities = root.at("capabilities").get<std::vector<std::string>>();
    info.confine_writes = root.value("confine_writes", false);
    info.drain =
        std::chrono::milliseconds(static_cast<long>(root.value("drain_seconds", 10.0) * 1000));
    return info;
  } catch (const std::exception& e) {
    return Status::internal(std::string("the role describes itself wrongly: ") + e.what());
  }
}

}  // namespace signet::kernel
