// Selectors as people are shown them: those that may hold secrets without their values.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace signet::explain {

/// Of which kinds ("docker:env") values are left out; the setting redact_selectors.
using Redacted = std::vector<std::string>;

/// "docker:env:PASSWORD=x" as "docker:env:[redacted]" where "docker:env" is among `kinds`, else the
/// selector ("type:value") as it is: in UTF-8, and cut behind 1,024 bytes.
std::string shown(std::string_view selector, const Redacted& kinds);
bool is_redacted(std::string_view selector, const Redacted& kinds);

}  // namespace signet::explain
