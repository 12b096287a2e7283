// What makes a registration entry acceptable, with SPIRE's words for what does not.
// Source: docs/spire-compatibility.md, "Registration entries".
#pragma once

#include "signet/spiffe_id.h"
#include "signet/status.h"

#include "spire/api/types/entry.pb.h"

namespace signet::server {

/// Reads an entry as a client sent it: the fields that `fields` names (entry_wire.h) are checked
/// and copied, all others come out empty, but for the id. federates_with comes out as bare names.
/// Errors   kInvalidArgument: "invalid parent ID: ...", "selector list is empty", ...
Result<spire::api::types::Entry> entry_from_api(const TrustDomain& trust_domain,
                                                const spire::api::types::Entry& entry,
                                                uint32_t fields);

/// What the store asks of an entry before `fields` of it, as above, are written.
/// Errors   kInvalidArgument: "datastore-validation: ..."
Status check_for_store(const spire::api::types::Entry& entry, uint32_t fields);
/// The same for a new one, of which a little more is asked.
Status check_for_creation(const spire::api::types::Entry& entry);

/// A selector or DNS name may stand there once. Asked after the search for a similar entry.
/// Errors   kAlreadyExists: "datastore-sql: ..."
Status check_duplicates(const spire::api::types::Entry& entry);

}  // namespace signet::server
