#include "store.h"

#include <charconv>

#include "api_id.h"

namespace signet::server {
namespace {

template <typename M>
Result<M> parse_body(const Record& record, const char* what) {
  M message;
  if (!message.ParseFromString(record.body)) {
    return Status::internal(std::string("stored ") + what + " cannot be read").with("id", record.id);
  }
  return message;
}

Record make_record(std::string_view kind, std::string id, const google::protobuf::MessageLite& body) {
  Record record;
  record.kind = kind;
  record.id = std::move(id);
  body.SerializeToString(&record.body);
  return record;
}

}  // namespace

void add_selector_keys(std::vector<std::pair<std::string, std::string>>& keys,
                       const google::protobuf::RepeatedPtrField<types::Selector>& selectors) {
  for (const types::Selector& s : selectors) keys.emplace_back("selector", s.type() + ":" + s.value());
}

Record to_record(const types::Entry& entry) {
  store::v1::Entry body;
  *body.mutable_entry() = entry;
  Record record = make_record(kEntryKind, entry.id(), body);
  record.expires_at = entry.expires_at();
  record.keys.reserve(4 + static_cast<std::size_t>(entry.selectors_size() + entry.federates_with_size()));
  record.keys.emplace_back("spiffe_id", id_text(entry.spiffe_id()));
  record.keys.emplace_back("parent_id", id_text(entry.parent_id()));
  add_selector_keys(record.keys, entry.selectors());
  for (const std::string& td : entry.federates_with()) record.keys.emplace_back("federates_with", td);
  if (!entry.hint().empty()) record.keys.emplace_back("hint", entry.hint());
  if (entry.downstream()) record.keys.emplace_back("downstream", "1");
  if (entry.admin()) record.keys.emplace_back("admin", "1");
  return record;
}

Record to_record(const store::v1::Agent& agent) {
  Record record = make_record(kAgentKind, id_text(agent.id()), agent);
  record.expires_at = agent.expires_at();
  record.keys.emplace_back("attestation_type", agent.attestation_type());
  if (agent.serial_number().empty()) record.keys.emplace_back("banned", "1");
  if (agent.can_reattest()) record.keys.emplace_back("can_reattest", "1");
  add_selector_keys(record.keys, agent.selectors());
  return record;
}

Record to_record(const types::Bundle& bundle) {
  store::v1::Bundle body;
  *body.mutable_bundle() = bundle;
  return make_record(kBundleKind, bundle.trust_domain(), body);
}

Result<types::Entry> to_entry(const Record& record) {
  SIGNET_TRY(store::v1::Entry body, parse_body<store::v1::Entry>(record, "entry"));
  return std::move(*body.mutable_entry());
}

Result<store::v1::Agent> to_agent(const Record& record) {
  return parse_body<store::v1::Agent>(record, "agent");
}

Result<types::Bundle> to_bundle(const Record& record) {
  SIGNET_TRY(store::v1::Bundle body, parse_body<store::v1::Bundle>(record, "bundle"));
  return std::move(*body.mutable_bundle());
}

Query similar_entry_query(const types::Entry& entry) {
  Query query;
  query.kind = kEntryKind;
  query.where.emplace_back("parent_id", id_text(entry.parent_id()));
  query.where.emplace_back("spiffe_id", id_text(entry.spiffe_id()));
  add_selector_keys(query.where, entry.selectors());
  query.selector_match = SIGNET_MATCH_EXACT;
  query.limit = 1;
  return query;
}

Result<uint64_t> parse_page_token(std::string_view token) {
  if (token.empty()) return uint64_t{0};
  uint32_t row = 0;
  const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), row);
  if (error != std::errc() || end != token.data() + token.size()) {
    return Status::invalid_argument("could not parse token '" + std::string(token) + "'");
  }
  return uint64_t{row};
}

}  // namespace signet::server
