#include "entry_record.h"

#include <charconv>

#include "signet/store/v1/store.pb.h"

#include "api_id.h"

namespace signet::server {
namespace {

std::string_view first_field(std::string_view body) {
  // store.v1.Entry's field 1 is what is wanted, and encoders write fields in order.
  if (body.size() < 2 || body[0] != '\x0a') return {};
  std::size_t at = 1;
  std::size_t size = 0;
  for (int shift = 0; shift <= 28; shift += 7) {
    if (at >= body.size()) return {};
    const auto b = static_cast<unsigned char>(body[at++]);
    size |= static_cast<std::size_t>(b & 0x7f) << shift;
    if (b < 0x80) return size <= body.size() - at ? body.substr(at, size) : std::string_view();
  }
  return {};
}

}  // namespace

void add_selector_keys(
    IndexKeys& keys,
    const google::protobuf::RepeatedPtrField<spire::api::types::Selector>& selectors) {
  for (const auto& s : selectors) keys.emplace_back("selector", s.type() + ":" + s.value());
}

Record entry_to_record(const spire::api::types::Entry& entry) {
  Record record;
  record.kind = kEntryKind;
  record.id = entry.id();
  record.expires_at = entry.expires_at();
  store::v1::Entry body;
  *body.mutable_entry() = entry;
  body.SerializeToString(&record.body);
  record.keys.reserve(
      4 + static_cast<std::size_t>(entry.selectors_size() + entry.federates_with_size()));
  record.keys.emplace_back("spiffe_id", id_text(entry.spiffe_id()));
  record.keys.emplace_back("parent_id", id_text(entry.parent_id()));
  add_selector_keys(record.keys, entry.selectors());
  for (const std::string& td : entry.federates_with())
    record.keys.emplace_back("federates_with", td);
  if (!entry.hint().empty()) record.keys.emplace_back("hint", entry.hint());
  if (entry.downstream()) record.keys.emplace_back("downstream", "1");
  if (entry.admin()) record.keys.emplace_back("admin", "1");
  return record;
}

Result<spire::api::types::Entry> entry_from_record(const Record& record) {
  store::v1::Entry body;
  if (!body.ParseFromString(record.body)) {
    return Status::internal("stored entry cannot be read").with("entry_id", record.id);
  }
  return std::move(*body.mutable_entry());
}

std::string_view encoded_entry(std::string_view body, spire::api::types::Entry& scratch) {
  const std::string_view encoded = first_field(body);
  const bool read = scratch.ParseFromArray(encoded.data(), static_cast<int>(encoded.size()));
  return read ? encoded : std::string_view();
}

Query similar_entry_query(const spire::api::types::Entry& entry) {
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
