#include "federation_store.h"

#include "signet/store/v1/store.pb.h"

namespace signet::server {
namespace {

constexpr const char* kKind = "federation";

Result<FederationStore::Relationship> from_record(const Record& record) {
  signet::store::v1::Federation stored;
  if (!stored.ParseFromString(record.body)) {
    return Status::internal("stored federation relationship is malformed")
        .with("trust_domain_id", record.id);
  }
  return std::move(*stored.mutable_relationship());
}

}  // namespace

Record relationship_to_record(const FederationStore::Relationship& relationship) {
  signet::store::v1::Federation stored;
  *stored.mutable_relationship() = relationship;
  stored.mutable_relationship()->clear_trust_domain_bundle();
  Record record;
  record.kind = kKind;
  record.id = relationship.trust_domain();
  record.body = stored.SerializeAsString();
  return record;
}

Status FederationStore::write(Transaction& tx, const Relationship& relationship,
                              std::int64_t if_revision, bool with_bundle) {
  Record record = relationship_to_record(relationship);
  record.if_revision = if_revision;
  SIGNET_RETURN_IF_ERROR(tx.put(record));
  Record bundle;
  if (with_bundle) {
    bundle = bundle_to_record(relationship.trust_domain_bundle());
    SIGNET_RETURN_IF_ERROR(tx.put(bundle));
  }
  SIGNET_TRY(const std::uint64_t revision, tx.commit());
  // The bundle first: whoever is told of the relationship may need it.
  if (with_bundle) bundles_.committed(bundle, revision);
  record.revision = revision;
  apply(record);
  changes_.committed(revision);
  return {};
}

Status FederationStore::create(const Relationship& relationship) {
  SIGNET_TRY(Transaction tx, datastore_.write());
  return write(tx, relationship, SIGNET_REVISION_ABSENT, relationship.has_trust_domain_bundle());
}

Result<FederationStore::Relationship> FederationStore::update(const Relationship& relationship,
                                                              const Mask* mask) {
  SIGNET_TRY(Transaction tx, datastore_.write());
  SIGNET_TRY(const Record old, tx.get(kKind, relationship.trust_domain()));
  SIGNET_TRY(Relationship stored, from_record(old));
  if (mask == nullptr || mask->bundle_endpoint_url())
    stored.set_bundle_endpoint_url(relationship.bundle_endpoint_url());
  if (mask == nullptr || mask->bundle_endpoint_profile()) {
    stored.clear_bundle_endpoint_profile();
    if (relationship.has_https_spiffe()) {
      *stored.mutable_https_spiffe() = relationship.https_spiffe();
    } else {
      stored.mutable_https_web();
    }
  }
  const bool with_bundle =
      relationship.has_trust_domain_bundle() && (mask == nullptr || mask->trust_domain_bundle());
  if (with_bundle) *stored.mutable_trust_domain_bundle() = relationship.trust_domain_bundle();
  SIGNET_RETURN_IF_ERROR(write(tx, stored, SIGNET_REVISION_ANY, with_bundle));
  stored.clear_trust_domain_bundle();
  return stored;
}

Status FederationStore::remove(const std::string& trust_domain) {
  SIGNET_TRY(Transaction tx, datastore_.write());
  SIGNET_RETURN_IF_ERROR(tx.erase(kKind, trust_domain));
  SIGNET_TRY(const std::uint64_t revision, tx.commit());
  erase(trust_domain, revision);
  changes_.committed(revision);
  return {};
}

Result<FederationStore::Page> FederationStore::list(std::uint64_t after_row,
                                                    std::uint32_t limit) const {
  SIGNET_TRY(Transaction tx, datastore_.read());
  Query query;
  query.kind = kKind;
  query.after_row = after_row;
  query.limit = limit;
  SIGNET_TRY(const std::vector<Record> records, tx.query(query));
  Page page;
  for (const Record& record : records) {
    SIGNET_TRY(Relationship relationship, from_record(record));
    page.relationships.push_back(std::move(relationship));
    page.last_row = record.row;
  }
  return page;
}

std::optional<FederationStore::Relationship> FederationStore::find(
    std::string_view trust_domain) const {
  const std::shared_lock lock(mutex_);
  const auto at = known_.find(trust_domain);
  if (at == known_.end()) return std::nullopt;
  return at->second.relationship;
}

std::vector<FederationStore::Relationship> FederationStore::all() const {
  const std::shared_lock lock(mutex_);
  std::vector<Relationship> out;
  out.reserve(known_.size());
  for (const auto& [name, known] : known_) out.push_back(known.relationship);
  return out;
}

Status FederationStore::reload(Transaction& tx) {
  SIGNET_TRY(const std::vector<Record> records, tx.query({.kind = kKind, .where = {}}));
  decltype(known_) loaded;
  for (const Record& record : records) {
    auto relationship = from_record(record);
    if (relationship) {
      loaded[record.id] = {*std::move(relationship), record.revision};
    } else {
      host_.log_status(LogLevel::kError, "Federation relationship cannot be read",
                       relationship.status());
    }
  }
  {
    const std::unique_lock lock(mutex_);
    known_.swap(loaded);
    erased_.clear();
  }
  if (changed_) changed_();
  return {};
}

bool FederationStore::knows(const Change& change) const {
  const std::shared_lock lock(mutex_);
  if (const auto at = erased_.find(change.id);
      at != erased_.end() && at->second >= change.revision) {
    return true;
  }
  const auto at = known_.find(change.id);
  return at != known_.end() && at->second.revision >= change.revision && !change.deleted;
}

void FederationStore::apply(const Record& record) {
  auto relationship = from_record(record);
  if (!relationship) {
    host_.log_status(LogLevel::kError, "Federation relationship cannot be read",
                     relationship.status());
    return;
  }
  {
    const std::unique_lock lock(mutex_);
    if (const auto gone = erased_.find(record.id);
        gone != erased_.end() && gone->second >= record.revision) {
      return;
    }
    Known& known = known_[record.id];
    if (known.revision > record.revision) return;  // a later one is here already
    known = {*std::move(relationship), record.revision};
  }
  if (changed_) changed_();
}

void FederationStore::erase(std::string_view id, std::uint64_t revision) {
  {
    const std::unique_lock lock(mutex_);
    const auto at = known_.find(id);
    if (at != known_.end() && at->second.revision > revision) return;
    erased_[std::string(id)] = revision;
    forget_old(erased_, revision);
    if (at == known_.end()) return;
    known_.erase(at);
  }
  if (changed_) changed_();
}

}  // namespace signet::server
