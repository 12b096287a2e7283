#include "stored_domain.h"

#include "entry_record.h"

namespace signet::server {
namespace {

Result<std::vector<Record>> first_of(Transaction& tx, const char* kind) {
  Query query;
  query.kind = kind;
  query.limit = 1;
  return tx.query(query);
}

}  // namespace

Result<StoredDomains> stored_domains(Transaction& tx) {
  StoredDomains out;
  SIGNET_TRY(const std::vector<Record> entries, first_of(tx, "entry"));
  if (!entries.empty()) {
    if (const auto entry = entry_from_record(entries.front())) {
      out.entries = entry->spiffe_id().trust_domain();
    }
  }
  SIGNET_TRY(const std::vector<Record> agents, first_of(tx, "agent"));
  if (!agents.empty()) {
    if (const auto id = SpiffeId::parse(agents.front().id)) out.agents = id->trust_domain().name();
  }
  return out;
}

Status refuse_other_domain(const Host& host, const Datastore& datastore,
                           const TrustDomain& domain) {
  SIGNET_TRY(Transaction tx, datastore.read());
  SIGNET_TRY(const StoredDomains stored, stored_domains(tx));
  const auto other = [&](const std::string& name) {
    return !name.empty() && name != domain.name();
  };
  if (other(stored.entries)) {
    return Status::failed_precondition("the datastore holds entries of trust domain \"" +
                                       stored.entries + "\", and trust_domain is \"" +
                                       domain.name() + "\": each has a datastore of its own");
  }
  if (other(stored.agents)) {
    host.warn("The datastore holds agents of another trust domain",
              {{"trust_domain", domain.name()}, {"found", stored.agents}});
  }
  return {};
}

}  // namespace signet::server
