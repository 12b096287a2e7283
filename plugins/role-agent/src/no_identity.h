// A caller without an identity: what the log says of it.
#pragma once

#include <string>
#include <vector>

#include "identity_table.h"

namespace signet::agent {

/// The caller's selectors that log_selectors names, sorted: "k8s:ns:shop,unix:uid:0". A prefix
/// names the selector that is equal to it and those that go on with a colon.
std::string loggable_selectors(const SelectorSet& selectors,
                               const std::vector<std::string>& prefixes);

/// loggable: of its selectors.
void log_no_identity(const Host& host, std::int32_t pid, const std::string& loggable);

}  // namespace signet::agent
