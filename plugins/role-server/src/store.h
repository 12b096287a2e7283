// Store: the server's records as typed messages over the datastore service.
//
// A record is an envelope (kind, id, index keys, expiry) around a message of
// signet/store/v1/store.proto. This file is the one place that knows which keys a message is
// indexed by, and how the two travel into each other.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "signet/datastore.h"
#include "signet/selector.h"
#include "signet/status.h"

#include "signet/store/v1/store.pb.h"

namespace signet::server {

inline constexpr std::string_view kEntryKind = "entry";
inline constexpr std::string_view kAgentKind = "agent";
inline constexpr std::string_view kBundleKind = "bundle";
inline constexpr std::string_view kJoinTokenKind = "join_token";
inline constexpr std::string_view kJournalKind = "journal";

namespace types = ::spire::api::types;

Record to_record(const types::Entry& entry);
Record to_record(const store::v1::Agent& agent);
Record to_record(const types::Bundle& bundle);

/// Errors   kInternal: the stored bytes are no such message
Result<types::Entry> to_entry(const Record& record);
Result<store::v1::Agent> to_agent(const Record& record);
Result<types::Bundle> to_bundle(const Record& record);

/// What two records must share to be "similar": parent, SPIFFE ID and exactly these selectors.
Query similar_entry_query(const types::Entry& entry);

/// SPIRE's page token: the decimal row of the last record. "" is 0.
/// Errors   kInvalidArgument in the peer's words: "could not parse token 'x'"
Result<uint64_t> parse_page_token(std::string_view token);

/// Adds sorted "type:value" selectors as keys of a query or a record.
void add_selector_keys(std::vector<std::pair<std::string, std::string>>& keys,
                       const google::protobuf::RepeatedPtrField<types::Selector>& selectors);

}  // namespace signet::server
