#include "settings/settings.h"

#include <utility>

#include <nlohmann/json.hpp>

namespace signet::settings {

using nlohmann::json;

Result<json> parse(std::string_view text) {
  json settings = json::parse(text, nullptr, false);
  if (!settings.is_object()) return Status::invalid_argument("the settings are not an object");
  return settings;
}

Result<std::string> text_of(const json& settings, const char* name) {
  const auto found = settings.find(name);
  if (found == settings.end() || found->is_null()) return std::string();
  if (!found->is_string()) return Status::invalid_argument(std::string(name) + " is not a string");
  return found->get<std::string>();
}

Result<std::string> required_text(const json& settings, const char* name) {
  SIGNET_TRY(std::string text, text_of(settings, name));
  if (text.empty()) return Status::invalid_argument(std::string(name) + " is required");
  return text;
}

Status with_block(std::string_view text, const char* name,
                  const std::function<void(const json& block)>& read) {
  try {
    const json parsed = json::parse(text);
    const auto block = parsed.find(name);
    if (block == parsed.end() || !block->is_object())
      return Status::invalid_argument(std::string(name) + ": block is missing");
    read(*block);
    return {};
  } catch (const json::exception& e) {
    return Status::invalid_argument(std::string(name) + ": " + e.what());
  }
}

std::string text(const json& block, const char* name, std::string fallback) {
  const auto at = block.find(name);
  return at != block.end() && at->is_string() ? at->get<std::string>() : std::move(fallback);
}

bool flag(const json& block, const char* name, bool fallback) {
  const auto at = block.find(name);
  return at != block.end() && at->is_boolean() ? at->get<bool>() : fallback;
}

std::vector<std::string> list(const json& block, const char* name) {
  const auto at = block.find(name);
  return at != block.end() && at->is_array() ? at->get<std::vector<std::string>>()
                                             : std::vector<std::string>();
}

std::string shared_text(const Host& host, const char* name) {
  const json shared = json::parse(host.shared_settings(), nullptr, false);
  return shared.is_object() ? text(shared, name) : std::string();
}

Result<TrustDomain> shared_trust_domain(const Host& host) {
  const std::string name = shared_text(host, "trust_domain");
  if (name.empty()) {
    return Status::failed_precondition("the server does not say its trust domain");
  }
  return TrustDomain::parse_name_or_id(name);
}

}  // namespace signet::settings
