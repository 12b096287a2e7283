// What `debug getinfo` and `logger` have in common, whichever role they are of.
#pragma once

#include <string>

#include "signet/status.h"

#include "cli/go_text.h"
#include "spire/api/types/logger.pb.h"

namespace signet::cli {

/// A level by the name that SPIRE's logs give it, in any case, or "warn".
/// Errors   kInvalidArgument: the value "never" is not a valid setting
Result<spire::api::types::LogLevel> parse_log_level(const std::string& word);

/// "Logger Level : info" and "Launch Level : info", then an empty line.
/// Errors   kInternal: an answer with a level that has no name
Result<std::string> logger_text(const spire::api::types::Logger& logger);

/// The certificates of a `svid_chain`, one after the other; "" when there are none.
template <typename Chain>
std::string svid_chain_text(const Chain& chain) {
  std::string text;
  for (int i = 0; i < chain.size(); ++i) {
    const auto& one = chain.Get(i);
    const std::string id =
        one.has_id() ? "spiffe://" + one.id().trust_domain() + one.id().path() : "(none)";
    if (i == 0) text += "  SVID Chain:\n";
    text += "    [" + std::to_string(i) + "] SPIFFE ID:  " + id +
            "\n        Subject:    " + one.subject() +
            "\n        Expires At: " + rfc3339_utc(one.expires_at()) + "\n";
  }
  return text;
}

}  // namespace signet::cli
