// Registration entries as records: what an entry is indexed by, and how the two travel into each
// other.
#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include "signet/datastore.h"
#include "signet/status.h"

#include "spire/api/types/entry.pb.h"

namespace signet::server {

inline constexpr std::string_view kEntryKind = "entry";

using IndexKeys = std::vector<std::pair<std::string, std::string>>;

Record entry_to_record(const spire::api::types::Entry& entry);
/// Errors   kInternal: the stored bytes are no entry
Result<spire::api::types::Entry> entry_from_record(const Record& record);
/// The encoded spire.api.types.Entry inside a record's body; "" when it is none that a client can
/// read: a list that held it would be no message to whom it is sent. `scratch` keeps its memory
/// from one to the next.
std::string_view encoded_entry(std::string_view body, spire::api::types::Entry& scratch);

/// Whether an entry with this expires_at (0: never) is over at `now`, both in Unix seconds. It acts
/// at its second, not one later.
constexpr bool expired_at(int64_t expires_at, int64_t now) {
  return expires_at != 0 && expires_at <= now;
}

/// What two entries must share to be "similar": parent, SPIFFE ID and exactly these selectors.
Query similar_entry_query(const spire::api::types::Entry& entry);

/// "type:value" of each, as keys called "selector".
void add_selector_keys(
    IndexKeys& keys,
    const google::protobuf::RepeatedPtrField<spire::api::types::Selector>& selectors);

/// SPIRE's page token: the decimal row of the last record. "" is 0.
/// Errors   kInvalidArgument in the peer's words: "could not parse token 'x'"
Result<uint64_t> parse_page_token(std::string_view token);

}  // namespace signet::server
