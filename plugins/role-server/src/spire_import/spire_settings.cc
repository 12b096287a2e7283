#include "spire_import/spire_settings.h"

#include <nlohmann/json.hpp>

namespace signet::server {
namespace {

using nlohmann::json;

// Null when there is none.
const json* plugin(const json& file, std::string_view type) {
  for (const json& block : file.at("plugins")) {
    if (block.at("type") == type) return &block;
  }
  return nullptr;
}

// HCL matches keys in any case, and so does SPIRE.
std::string text(const json& block, std::string_view name) {
  for (const auto& [key, value] : block.items()) {
    const bool same = std::equal(key.begin(), key.end(), name.begin(), name.end(),
                                 [](char a, char b) { return std::tolower(a) == b; });
    if (same && value.is_string()) return value.get<std::string>();
  }
  return {};
}

Result<SpireSettings> read(const json& file) {
  if (!file.at("blocks").contains("server")) {
    return Status::invalid_argument("no server block: it is not a SPIRE server's configuration");
  }
  const auto domain =
      TrustDomain::parse_name_or_id(text(file.at("blocks").at("server"), "trust_domain"));
  if (!domain) return domain.status().prefixed("server.trust_domain");
  const json* datastore = plugin(file, "DataStore");
  if (datastore == nullptr || datastore->at("name") != "sql") {
    return Status::invalid_argument("no DataStore \"sql\" block");
  }
  const json* keys = plugin(file, "KeyManager");
  if (keys == nullptr) return Status::invalid_argument("no KeyManager block");
  SpireSettings settings{*domain, datastore->at("data").dump(), keys->at("name").get<std::string>(),
                         text(keys->at("data"), "keys_path")};
  if (settings.key_manager == "disk" && settings.keys_path.empty()) {
    return Status::invalid_argument("KeyManager \"disk\" has no keys_path");
  }
  if (settings.key_manager != "disk" && settings.key_manager != "memory") {
    return Status::invalid_argument(
        "its keys are in KeyManager \"" + settings.key_manager +
        "\", which Signet has not; only the keys of \"disk\" can be taken over (have SPIRE use "
        "that first: it makes new authorities there and agents learn of them)");
  }
  return settings;
}

}  // namespace

Result<SpireSettings> SpireSettings::from_json(std::string_view text) {
  try {
    return read(json::parse(text));
  } catch (const json::exception& e) {
    return Status::invalid_argument(std::string("configuration of SPIRE: ") + e.what());
  }
}

}  // namespace signet::server
