// Taking settings out of the JSON that a plugin or a role is configured with.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "signet/host.h"
#include "signet/spiffe_id.h"
#include "signet/status.h"

namespace signet::settings {

// A plugin's own settings, which may come from a host that checks nothing.

/// The object. Errors   kInvalidArgument
Result<nlohmann::json> parse(std::string_view json);
/// The text of a setting; "" when it is not written: HCL treats both alike.
/// Errors   kInvalidArgument "NAME is not a string"
Result<std::string> text_of(const nlohmann::json& settings, const char* name);
/// Errors   kInvalidArgument, also "NAME is required"
Result<std::string> required_text(const nlohmann::json& settings, const char* name);

// A role's block, which the schema has been over: what has another type counts as not written.

/// Runs `read` with the object that the role's configuration has under that name.
/// Errors   kInvalidArgument "NAME: ...": there is none, or `read` met a value of another type
Status with_block(std::string_view json, const char* name,
                  const std::function<void(const nlohmann::json& block)>& read);
/// What `read` makes of it. Errors   as with_block(), and read's own
template <typename Config>
Result<Config> read_block(std::string_view json, const char* name,
                          Result<Config> (*read)(const nlohmann::json& block)) {
  std::optional<Result<Config>> config;
  SIGNET_RETURN_IF_ERROR(
      with_block(json, name, [&](const nlohmann::json& block) { config.emplace(read(block)); }));
  return *std::move(config);
}

std::string text(const nlohmann::json& block, const char* name, std::string fallback = {});
bool flag(const nlohmann::json& block, const char* name, bool fallback);
std::vector<std::string> list(const nlohmann::json& block, const char* name);

// What a role shares with its plugins.

/// "" when it is not shared.
std::string shared_text(const Host& host, const char* name);
/// Errors   kFailedPrecondition: not shared; kInvalidArgument: not a trust domain
Result<TrustDomain> shared_trust_domain(const Host& host);

}  // namespace signet::settings
