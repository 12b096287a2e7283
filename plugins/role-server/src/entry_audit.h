// What the audit log says of an entry that a client sent.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "call_context.h"
#include "spire/api/types/entry.pb.h"

namespace signet::server {

/// The entry's ID and those of its fields whose number is set in `fields` (bit by bit).
/// redact  kinds of selectors ("docker:env") whose values are left out, for they may be secrets
AuditFields entry_audit_fields(const spire::api::types::Entry& entry, std::uint32_t fields,
                               const std::vector<std::string>& redact);

}  // namespace signet::server
