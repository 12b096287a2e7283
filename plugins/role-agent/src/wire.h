// From the server's messages to the agent's own types. Nothing that the server says is taken
// unchecked: IDs are parsed, selectors checked, certificates read.
#pragma once

#include <optional>

#include "identity_table.h"
#include "server_api.h"
#include "x509/bundle.h"

namespace signet::agent {

/// Errors   kInvalidArgument: the entry cannot be used (ID, SPIFFE ID or selectors missing or
///          malformed, a federated trust domain malformed); the others can
Result<EntryPtr> entry_from_wire(const types::Entry& wire);
/// Errors   kInvalidArgument
Result<x509::Bundle> bundle_from_wire(const types::Bundle& wire);
/// The forms that workloads are sent. Errors   kInternal: a key that no JWK can hold
Result<BundlePtr> bundle_data(const x509::Bundle& bundle);
/// The chain of an X509-SVID. Errors   kInvalidArgument: empty or malformed
Result<std::vector<x509::Certificate>> chain_from_wire(const types::X509SVID& wire);
/// What the agent asks of each entry.
types::EntryMask entry_mask();

}  // namespace signet::agent
