#include "spire_import/spire_rows.h"

#include <limits>

#include "signet/selector.h"
#include "signet/spire_database/v1/spire_database.pb.h"
#include "signet/utf8.h"

#include "agent_records.h"
#include "api_id.h"
#include "bundle_conversion.h"
#include "crypto/bytes.h"
#include "crypto/key.h"
#include "entry_record.h"
#include "entry_validation.h"
#include "federation_store.h"
#include "join_tokens.h"
#include "spire_import/spire_journal.h"
#include "trust_bundles.h"
#include "trust_domain_relationship.h"

namespace signet::server {
namespace {

namespace types = spire::api::types;
namespace peer = signet::spire_database::v1;

constexpr std::uint32_t kAllFields = ~std::uint32_t{0};
constexpr std::size_t kMaxSerialDigits = 49;  // of 160 bits

Status bad(std::string_view column, std::string_view reason) {
  return Status::invalid_argument(std::string(column) + " " + std::string(reason));
}

// What is no UTF-8 could be written but never read again.
Result<std::string> text_of(const SpireRow& row, std::size_t cell, std::string_view column) {
  const std::string_view text = row.text(cell);
  if (!is_utf8(text)) return bad(column, "is not UTF-8");
  if (text.find('\0') != std::string_view::npos) return bad(column, "holds a NUL");
  return std::string(text);
}

Result<std::int32_t> seconds_of(const SpireRow& row, std::size_t cell, std::string_view column) {
  const std::int64_t value = row.number(cell);
  if (value < 0 || value > std::numeric_limits<std::int32_t>::max()) {
    return bad(column, std::to_string(value) + " is out of range");
  }
  return static_cast<std::int32_t>(value);
}

Result<TrustDomain> domain_of(const SpireRow& row, std::size_t cell, std::string_view column) {
  SIGNET_TRY(const std::string text, text_of(row, cell, column));
  auto domain = TrustDomain::parse_name_or_id(text);
  if (!domain) return bad(column, "\"" + text + "\": " + domain.status().message());
  return domain;
}

Result<SpiffeId> id_of(const SpireRow& row, std::size_t cell, std::string_view column) {
  SIGNET_TRY(const std::string text, text_of(row, cell, column));
  auto id = SpiffeId::parse(text);
  if (!id) return bad(column, "\"" + text + "\": " + id.status().message());
  return id;
}

Status read_selector(const SpireRow& row, types::Selector& out) {
  SIGNET_TRY(const std::string type, text_of(row, 0, "selector type"));
  SIGNET_TRY(const std::string value, text_of(row, 1, "selector value"));
  SIGNET_RETURN_IF_ERROR((Selector{type, value}.check()));
  out.set_type(type);
  out.set_value(value);
  return {};
}

template <typename Keys>
Status read_keys(const google::protobuf::RepeatedPtrField<peer::Bundle::PublicKey>& from,
                 Keys* out) {
  for (const auto& key : from) {
    if (!crypto::PublicKey::from_spki(crypto::as_bytes(key.pkix()))) {
      return bad("data", "has a malformed key \"" + key.kid() + "\"");
    }
    if (key.kid().empty()) return bad("data", "has a key without an ID");
    auto* added = out->Add();
    added->set_key_id(key.kid());
    added->set_public_key(key.pkix());
    added->set_expires_at(key.not_after());
    added->set_tainted(key.tainted());
  }
  return {};
}

Status read_roots(const peer::Bundle& from, types::Bundle& bundle) {
  for (const auto& root : from.root_cas()) {
    X509Authorities given;
    given.Add()->set_asn1(root.der());
    auto roots = x509_authorities_from_api(given);
    if (!roots) return roots.status().prefixed("data has a malformed certificate");
    for (auto& one : *roots) {
      one.set_tainted(root.tainted());
      *bundle.add_x509_authorities() = std::move(one);
    }
  }
  return {};
}

Result<std::string> serial_of(const SpireRow& row, std::size_t cell, std::string_view column) {
  SIGNET_TRY(std::string serial, text_of(row, cell, column));
  if (serial.size() > kMaxSerialDigits ||
      serial.find_first_not_of("0123456789") != std::string::npos) {
    return bad(column, "\"" + serial + "\" is no serial number");
  }
  return serial;
}

}  // namespace

Result<Record> bundle_of_spire(const SpireRow& row) {
  SIGNET_TRY(const TrustDomain domain, domain_of(row, 0, "trust_domain"));
  peer::Bundle stored;
  if (!stored.ParseFromArray(row.text(1).data(), static_cast<int>(row.text(1).size()))) {
    return bad("data", "cannot be read");
  }
  const auto told = TrustDomain::parse_name_or_id(stored.trust_domain_id());
  if (!told || told->name() != domain.name()) {
    return bad("data", "is the bundle of \"" + stored.trust_domain_id() + "\"");
  }
  types::Bundle bundle;
  bundle.set_trust_domain(domain.name());
  bundle.set_refresh_hint(stored.refresh_hint());
  bundle.set_sequence_number(stored.sequence_number());
  SIGNET_RETURN_IF_ERROR(read_roots(stored, bundle));
  SIGNET_RETURN_IF_ERROR(read_keys(stored.jwt_signing_keys(), bundle.mutable_jwt_authorities()));
  SIGNET_RETURN_IF_ERROR(read_keys(stored.wit_signing_keys(), bundle.mutable_wit_authorities()));
  return bundle_to_record(bundle);
}

Result<Record> federation_of_spire(const SpireRow& row) {
  types::FederationRelationship relationship;
  SIGNET_TRY(const TrustDomain domain, domain_of(row, 0, "trust_domain"));
  relationship.set_trust_domain(domain.name());
  SIGNET_TRY(*relationship.mutable_bundle_endpoint_url(), text_of(row, 1, "bundle_endpoint_url"));
  SIGNET_TRY(const std::string profile, text_of(row, 2, "bundle_endpoint_profile"));
  if (profile == "https_web") {
    relationship.mutable_https_web();
  } else if (profile == "https_spiffe") {
    SIGNET_TRY(const SpiffeId id, id_of(row, 3, "endpoint_spiffe_id"));
    relationship.mutable_https_spiffe()->set_endpoint_spiffe_id(id.to_string());
  } else {
    return bad("bundle_endpoint_profile", "\"" + profile + "\" is not known");
  }
  SIGNET_TRY(const auto checked, relationship_from_client(relationship));
  return relationship_to_record(checked);
}

Result<types::Entry> entry_of_spire(const SpireRow& row) {
  types::Entry entry;
  SIGNET_TRY(*entry.mutable_id(), text_of(row, 0, "entry_id"));
  if (entry.id().empty()) return bad("entry_id", "is empty");
  SIGNET_TRY(const SpiffeId id, id_of(row, 1, "spiffe_id"));
  id_to_api(id, entry.mutable_spiffe_id());
  SIGNET_TRY(const SpiffeId parent, id_of(row, 2, "parent_id"));
  id_to_api(parent, entry.mutable_parent_id());
  SIGNET_TRY(const std::int32_t x509_ttl, seconds_of(row, 3, "ttl"));
  entry.set_x509_svid_ttl(x509_ttl);
  SIGNET_TRY(const std::int32_t jwt_ttl, seconds_of(row, 4, "jwt_svid_ttl"));
  entry.set_jwt_svid_ttl(jwt_ttl);
  entry.set_admin(row.flag(5));
  entry.set_downstream(row.flag(6));
  entry.set_expires_at(row.number(7));
  entry.set_revision_number(row.number(8));
  entry.set_store_svid(row.flag(9));
  SIGNET_TRY(*entry.mutable_hint(), text_of(row, 10, "hint"));
  if (const std::string_view data = row.text(11); !data.empty()) {
    peer::AdditionalAttributes attributes;
    if (!attributes.ParseFromArray(data.data(), static_cast<int>(data.size()))) {
      return bad("additional_attributes", "cannot be read");
    }
    auto* out = entry.mutable_additional_attributes();
    out->set_disable_x509_svid_prefetch(attributes.disable_x509_svid_prefetch());
    out->set_jwt_svid_include_jti(attributes.jwt_svid_include_jti());
  }
  entry.set_created_at(row.number(12));
  return entry;
}

Status add_selector(types::Entry& entry, const SpireRow& row) {
  return read_selector(row, *entry.add_selectors());
}

Status add_dns_name(types::Entry& entry, const SpireRow& row) {
  SIGNET_TRY(*entry.add_dns_names(), text_of(row, 0, "DNS name"));
  return {};
}

Status add_federates_with(types::Entry& entry, const SpireRow& row) {
  SIGNET_TRY(const TrustDomain domain, domain_of(row, 0, "federated trust domain"));
  entry.add_federates_with(domain.name());
  return {};
}

Result<Record> entry_record_of_spire(const TrustDomain& domain, const types::Entry& entry) {
  SIGNET_TRY(types::Entry checked, entry_from_api(domain, entry, kAllFields));
  checked.set_revision_number(entry.revision_number());
  checked.set_created_at(entry.created_at());
  SIGNET_RETURN_IF_ERROR(check_for_store(checked, kAllFields));
  SIGNET_RETURN_IF_ERROR(check_duplicates(checked));
  return entry_to_record(checked);
}

Result<store::v1::Agent> agent_of_spire(const TrustDomain& domain, const SpireRow& row) {
  store::v1::Agent agent;
  SIGNET_TRY(const SpiffeId id, id_of(row, 0, "spiffe_id"));
  if (const Status member = check_agent(domain, id); !member.ok()) {
    return bad("spiffe_id", "\"" + id.to_string() + "\": " + member.message());
  }
  id_to_api(id, agent.mutable_id());
  SIGNET_TRY(*agent.mutable_attestation_type(), text_of(row, 1, "data_type"));
  SIGNET_TRY(*agent.mutable_serial_number(), serial_of(row, 2, "serial_number"));
  agent.set_expires_at(row.number(3));
  SIGNET_TRY(*agent.mutable_new_serial_number(), serial_of(row, 4, "new_serial_number"));
  agent.set_new_expires_at(row.number(5));
  agent.set_can_reattest(row.flag(6));
  SIGNET_TRY(*agent.mutable_agent_version(), text_of(row, 7, "agent_version"));
  return agent;
}

Status add_selector(store::v1::Agent& agent, const SpireRow& row) {
  return read_selector(row, *agent.add_selectors());
}

Record agent_record_of_spire(const store::v1::Agent& agent) {
  return agent_to_record(id_text(agent.id()), agent);
}

Result<Record> join_token_of_spire(const SpireRow& row) {
  SIGNET_TRY(const std::string token, text_of(row, 0, "token"));
  if (token.empty()) return bad("token", "is empty");
  return join_token_to_record(token, row.number(1));
}

Result<store::v1::Journal> journal_of_spire(const SpireRow& row) {
  peer::Journal stored;
  if (!stored.ParseFromArray(row.text(0).data(), static_cast<int>(row.text(0).size()))) {
    return bad("data", "cannot be read");
  }
  return convert_journal(stored);
}

Record journal_record_of_spire(const store::v1::Journal& journal, std::int64_t row) {
  Record record;
  record.kind = "journal";
  record.id = "spire-" + std::to_string(row);
  record.body = journal.SerializeAsString();
  return record;
}

}  // namespace signet::server
