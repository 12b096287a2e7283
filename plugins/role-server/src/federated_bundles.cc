#include "federated_bundles.h"

#include <algorithm>

#include "bundle_conversion.h"

namespace signet::server {
namespace {

namespace types = spire::api::types;
constexpr std::string_view kBundleKind = "bundle";

}  // namespace

Status FederatedBundles::put(const types::Bundle& bundle, int64_t if_revision) {
  SIGNET_TRY(Transaction tx, datastore_.write());
  Record record = bundle_to_record(bundle);
  record.if_revision = if_revision;
  SIGNET_RETURN_IF_ERROR(tx.put(record));
  SIGNET_TRY(const uint64_t revision, tx.commit());
  bundles_.committed(record, revision);
  changes_.committed(revision);
  return {};
}

Status FederatedBundles::create(const types::Bundle& bundle) {
  return put(bundle, SIGNET_REVISION_ABSENT);
}

Status FederatedBundles::set(const types::Bundle& bundle) {
  return put(bundle, SIGNET_REVISION_ANY);
}

Result<types::Bundle> FederatedBundles::update(const types::Bundle& bundle,
                                               const types::BundleMask* mask) {
  SIGNET_TRY(Transaction tx, datastore_.write());
  SIGNET_TRY(const Record old, tx.get(kBundleKind, bundle.trust_domain()));
  SIGNET_TRY(types::Bundle stored, bundle_from_record(old));
  if (mask == nullptr || mask->x509_authorities())
    *stored.mutable_x509_authorities() = bundle.x509_authorities();
  if (mask == nullptr || mask->jwt_authorities())
    *stored.mutable_jwt_authorities() = bundle.jwt_authorities();
  if (mask == nullptr || mask->refresh_hint()) stored.set_refresh_hint(bundle.refresh_hint());
  if (mask == nullptr || mask->sequence_number())
    stored.set_sequence_number(bundle.sequence_number());
  Record record = bundle_to_record(stored);
  SIGNET_RETURN_IF_ERROR(tx.put(record));
  SIGNET_TRY(const uint64_t revision, tx.commit());
  bundles_.committed(record, revision);
  changes_.committed(revision);
  return stored;
}

Status FederatedBundles::remove(const std::string& trust_domain, OnDelete mode) {
  SIGNET_TRY(Transaction tx, datastore_.write());
  SIGNET_RETURN_IF_ERROR(tx.erase(kBundleKind, trust_domain));
  Query users;
  users.kind = kEntryKind;
  users.where.emplace_back("federates_with", trust_domain);
  SIGNET_TRY(const std::vector<Record> records, tx.query(users));
  if (!records.empty() && mode == OnDelete::kRestrict) {
    return Status::failed_precondition("datastore-sql: cannot delete bundle; federated with " +
                                       std::to_string(records.size()) + " registration entries");
  }
  std::vector<types::Entry> rewritten;
  for (const Record& record : records) {
    if (mode == OnDelete::kDeleteEntries) {
      SIGNET_RETURN_IF_ERROR(tx.erase(kEntryKind, record.id));
      continue;
    }
    SIGNET_TRY(types::Entry entry, entry_from_record(record));
    auto* names = entry.mutable_federates_with();
    names->erase(std::remove(names->begin(), names->end(), trust_domain), names->end());
    SIGNET_TRY(types::Entry written, entries_.rewrite_in(tx, std::move(entry)));
    rewritten.push_back(std::move(written));
  }
  SIGNET_TRY(const uint64_t revision, tx.commit());
  bundles_.erased(trust_domain, revision);
  if (mode == OnDelete::kDeleteEntries) {
    for (const Record& record : records) entries_.erased(record.id, revision);
  }
  for (const types::Entry& entry : rewritten) entries_.committed(entry, revision);
  changes_.committed(revision);
  return {};
}

Result<FederatedBundles::Page> FederatedBundles::list(uint64_t after_row, uint32_t limit) const {
  SIGNET_TRY(Transaction tx, datastore_.read());
  Query query;
  query.kind = kBundleKind;
  query.after_row = after_row;
  query.limit = limit;
  SIGNET_TRY(const std::vector<Record> records, tx.query(query));
  Page page;
  for (const Record& record : records) {
    SIGNET_TRY(types::Bundle bundle, bundle_from_record(record));
    page.bundles.push_back(std::move(bundle));
    page.last_row = record.row;
  }
  return page;
}

}  // namespace signet::server
