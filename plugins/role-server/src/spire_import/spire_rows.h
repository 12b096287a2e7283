// What the rows of a SPIRE database mean: each becomes what Signet keeps, or is refused.
//
// Rows come from a file that anybody may have edited: every value is checked as if a client had
// sent it. Errors are kInvalidArgument and name the value at fault.
#pragma once

#include <cstdint>

#include "signet/datastore.h"
#include "signet/spiffe_id.h"
#include "signet/spire_source.h"
#include "signet/store/v1/store.pb.h"

#include "spire/api/types/entry.pb.h"

namespace signet::server {

Result<Record> bundle_of_spire(const SpireRow& row);
Result<Record> federation_of_spire(const SpireRow& row);

// An entry lies in four tables: first its row, then what belongs to it, then the whole is checked.
Result<spire::api::types::Entry> entry_of_spire(const SpireRow& row);
Status add_selector(spire::api::types::Entry& entry, const SpireRow& row);
Status add_dns_name(spire::api::types::Entry& entry, const SpireRow& row);
Status add_federates_with(spire::api::types::Entry& entry, const SpireRow& row);
Result<Record> entry_record_of_spire(const TrustDomain& domain,
                                     const spire::api::types::Entry& entry);

// An agent in two.
Result<store::v1::Agent> agent_of_spire(const TrustDomain& domain, const SpireRow& row);
Status add_selector(store::v1::Agent& agent, const SpireRow& row);
Record agent_record_of_spire(const store::v1::Agent& agent);

Result<Record> join_token_of_spire(const SpireRow& row);
/// The record of one SPIRE server's authorities; Signet's server finds it by its keys.
Result<store::v1::Journal> journal_of_spire(const SpireRow& row);
Record journal_record_of_spire(const store::v1::Journal& journal, std::int64_t row);

}  // namespace signet::server
