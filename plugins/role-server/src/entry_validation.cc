#include "entry_validation.h"

#include <algorithm>
#include <set>
#include <tuple>

#include "signet/selector.h"

#include "api_id.h"
#include "x509/dns_name.h"

namespace signet::server {
namespace {

using spire::api::types::Entry;

constexpr std::size_t kMaxIdSize = 255;
constexpr std::size_t kMaxHintSize = 1024;
constexpr std::size_t kMaxAttributesSize = 65535;

bool wants(uint32_t fields, int number) { return (fields >> number & 1u) != 0; }

Status invalid(const std::string& text) {
  return Status::invalid_argument("datastore-validation: " + text);
}

bool id_char(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_';
}

Status check_selectors(const Entry& entry) {
  if (entry.selectors_size() == 0) return Status::invalid_argument("selector list is empty");
  for (const auto& s : entry.selectors()) {
    SIGNET_RETURN_IF_ERROR((Selector{s.type(), s.value()}.check()));
  }
  return {};
}

bool one_selector_type(const Entry& entry) {
  return std::all_of(entry.selectors().begin(), entry.selectors().end(),
                     [&](const auto& s) { return s.type() == entry.selectors(0).type(); });
}

}  // namespace

Result<Entry> entry_from_api(const TrustDomain& trust_domain, const Entry& entry, uint32_t fields) {
  Entry out;
  out.set_id(entry.id());
  if (wants(fields, Entry::kParentIdFieldNumber)) {
    const auto parent =
        member_id_from_api(trust_domain, entry.has_parent_id() ? &entry.parent_id() : nullptr);
    if (!parent) return parent.status().prefixed("invalid parent ID");
    *out.mutable_parent_id() = entry.parent_id();
    out.mutable_parent_id()->set_trust_domain(trust_domain.name());
  }
  if (wants(fields, Entry::kSpiffeIdFieldNumber)) {
    const auto id =
        workload_id_from_api(trust_domain, entry.has_spiffe_id() ? &entry.spiffe_id() : nullptr);
    if (!id) return id.status().prefixed("invalid spiffe ID");
    *out.mutable_spiffe_id() = entry.spiffe_id();
    out.mutable_spiffe_id()->set_trust_domain(trust_domain.name());
  }
  if (wants(fields, Entry::kAdminFieldNumber)) out.set_admin(entry.admin());
  if (wants(fields, Entry::kDnsNamesFieldNumber)) {
    for (const std::string& name : entry.dns_names()) {
      if (Status bad = x509::check_dns_name(name); !bad.ok())
        return bad.prefixed("invalid DNS name");
    }
    *out.mutable_dns_names() = entry.dns_names();
  }
  if (wants(fields, Entry::kDownstreamFieldNumber)) out.set_downstream(entry.downstream());
  if (wants(fields, Entry::kExpiresAtFieldNumber)) out.set_expires_at(entry.expires_at());
  if (wants(fields, Entry::kFederatesWithFieldNumber)) {
    for (const std::string& name : entry.federates_with()) {
      const auto td = TrustDomain::parse_name_or_id(name);
      if (!td) return td.status().prefixed("invalid federated trust domain");
      if (std::find(out.federates_with().begin(), out.federates_with().end(), td->name()) ==
          out.federates_with().end()) {
        out.add_federates_with(td->name());
      }
    }
    // A set, which SPIRE gives back in this order whatever it was.
    std::sort(out.mutable_federates_with()->begin(), out.mutable_federates_with()->end());
  }
  if (wants(fields, Entry::kSelectorsFieldNumber)) {
    SIGNET_RETURN_IF_ERROR(check_selectors(entry));
    *out.mutable_selectors() = entry.selectors();
  }
  if (wants(fields, Entry::kStoreSvidFieldNumber)) out.set_store_svid(entry.store_svid());
  if (wants(fields, Entry::kX509SvidTtlFieldNumber)) out.set_x509_svid_ttl(entry.x509_svid_ttl());
  if (wants(fields, Entry::kJwtSvidTtlFieldNumber)) out.set_jwt_svid_ttl(entry.jwt_svid_ttl());
  if (wants(fields, Entry::kHintFieldNumber)) {
    if (entry.hint().size() > kMaxHintSize) {
      return Status::invalid_argument("hint is too long, max length is 1024 characters");
    }
    out.set_hint(entry.hint());
  }
  if (wants(fields, Entry::kAdditionalAttributesFieldNumber) && entry.has_additional_attributes()) {
    *out.mutable_additional_attributes() = entry.additional_attributes();
  }
  return out;
}

Status check_for_creation(const Entry& entry) {
  if (entry.store_svid() && entry.additional_attributes().disable_x509_svid_prefetch()) {
    return invalid("specifying cache behaviour is incompatible with storable SVIDs");
  }
  return check_for_store(entry, ~uint32_t{0});
}

Status check_for_store(const Entry& entry, uint32_t fields) {
  if (wants(fields, Entry::kSelectorsFieldNumber) && entry.store_svid() &&
      !one_selector_type(entry)) {
    return invalid(
        "invalid registration entry: selector types must be the same when store SVID is enabled");
  }
  if (entry.id().size() > kMaxIdSize)
    return invalid("invalid registration entry: entry ID too long");
  if (!std::all_of(entry.id().begin(), entry.id().end(), id_char)) {
    return invalid("invalid registration entry: entry ID contains invalid characters");
  }
  if (wants(fields, Entry::kX509SvidTtlFieldNumber) && entry.x509_svid_ttl() < 0) {
    return invalid("invalid registration entry: X509SvidTtl is not set");
  }
  if (wants(fields, Entry::kJwtSvidTtlFieldNumber) && entry.jwt_svid_ttl() < 0) {
    return invalid("invalid registration entry: JwtSvidTtl is not set");
  }
  if (entry.additional_attributes().ByteSizeLong() > kMaxAttributesSize) {
    return invalid("invalid registration entry: additional attributes too long");
  }
  return {};
}

// The store's unique indexes, in the words a client of SPIRE's sees.
Status check_duplicates(const Entry& entry) {
  std::set<std::pair<std::string_view, std::string_view>> selectors;
  for (const auto& s : entry.selectors()) {
    if (!selectors.emplace(s.type(), s.value()).second) {
      return Status::already_exists(
          "datastore-sql: UNIQUE constraint failed: selectors.registered_entry_id, selectors.type, "
          "selectors.value");
    }
  }
  std::set<std::string_view> names;
  for (const std::string& name : entry.dns_names()) {
    if (!names.insert(name).second) {
      return Status::already_exists(
          "datastore-sql: UNIQUE constraint failed: dns_names.registered_entry_id, "
          "dns_names.value");
    }
  }
  return {};
}

}  // namespace signet::server
