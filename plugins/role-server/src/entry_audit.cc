#include "entry_audit.h"

#include <utility>

#include "api_id.h"
#include "explain/redact.h"

namespace signet::server {
namespace {

using Entry = spire::api::types::Entry;

}  // namespace

AuditFields entry_audit_fields(const Entry& e, uint32_t fields,
                               const std::vector<std::string>& redact) {
  AuditFields out;
  const auto wants = [fields](int number) { return (fields >> number & 1u) != 0; };
  if (!e.id().empty()) out.emplace_back("entry_id", e.id());
  if (wants(Entry::kSpiffeIdFieldNumber) && e.has_spiffe_id())
    out.emplace_back("spiffe_id", id_text(e.spiffe_id()));
  if (wants(Entry::kParentIdFieldNumber) && e.has_parent_id())
    out.emplace_back("parent_id", id_text(e.parent_id()));
  if (wants(Entry::kSelectorsFieldNumber) && e.selectors_size() > 0) {
    std::string selectors;
    for (const auto& s : e.selectors())
      selectors.append(selectors.empty() ? "" : ",")
          .append(explain::shown(s.type() + ":" + s.value(), redact));
    out.emplace_back("selectors", std::move(selectors));
  }
  if (wants(Entry::kX509SvidTtlFieldNumber))
    out.emplace_back("x509_svid_ttl", std::to_string(e.x509_svid_ttl()));
  if (wants(Entry::kJwtSvidTtlFieldNumber))
    out.emplace_back("jwt_svid_ttl", std::to_string(e.jwt_svid_ttl()));
  if (wants(Entry::kFederatesWithFieldNumber) && e.federates_with_size() > 0) {
    std::string names;
    for (const std::string& name : e.federates_with())
      names.append(names.empty() ? "" : ",").append(name);
    out.emplace_back("federates_with", std::move(names));
  }
  if (wants(Entry::kAdminFieldNumber)) out.emplace_back("admin", e.admin() ? "true" : "false");
  if (wants(Entry::kDownstreamFieldNumber))
    out.emplace_back("downstream", e.downstream() ? "true" : "false");
  if (wants(Entry::kExpiresAtFieldNumber))
    out.emplace_back("expires_at", std::to_string(e.expires_at()));
  if (wants(Entry::kHintFieldNumber)) out.emplace_back("hint", e.hint());
  if (wants(Entry::kRevisionNumberFieldNumber))
    out.emplace_back("revision_number", std::to_string(e.revision_number()));
  if (wants(Entry::kStoreSvidFieldNumber))
    out.emplace_back("store_svid", e.store_svid() ? "true" : "false");
  if (wants(Entry::kCreatedAtFieldNumber))
    out.emplace_back("created_at", std::to_string(e.created_at()));
  return out;
}

}  // namespace signet::server
