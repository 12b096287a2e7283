// DNS names that entries and CSRs may carry: what Go's IDNA ToASCII leaves as it is, and
// at most one wildcard, as the whole first label.
#pragma once

#include <span>

#include "signet/status.h"

namespace signet::x509 {

/// Errors   kInvalidArgument with the reason, such as "label is empty"
Status check_dns_name(std::string_view name);
/// Refuses a list in which a wildcard covers another, non-wildcard name of the list.
/// Errors   kInvalidArgument, naming both
Status check_wildcard_overlap(std::span<const std::string> names);

}  // namespace signet::x509
