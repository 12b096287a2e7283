#include "trust_bundles.h"

#include <algorithm>
#include <set>

#include "signet/store/v1/store.pb.h"

namespace signet::server {

namespace types = spire::api::types;

namespace {

// GetBundle's answer must fit into a message, of which agents take 4 MiB.
constexpr std::size_t kMaxBundleBytes = 4 * 1024 * 1024 - 64 * 1024;
constexpr int kMaxRevokedKeys = 1000;  // the oldest are forgotten

using Stored = signet::store::v1::Bundle;
using KeyIds = std::set<std::string, std::less<>>;

Result<Stored> stored_from_record(const Record& record) {
  Stored stored;
  if (!stored.ParseFromString(record.body)) {
    return Status::internal("stored bundle is malformed").with("trust_domain_id", record.id);
  }
  return stored;
}

template <typename Keys>
KeyIds ids_of(const Keys& keys) {
  KeyIds ids;
  for (const auto& key : keys) ids.insert(key.key_id());
  return ids;
}

// Tainted keys that an edit took away are noted as revoked.
template <typename Keys>
void note_revoked(const Keys& before, const Keys& after, Stored& stored) {
  const KeyIds left = ids_of(after);
  for (const auto& key : before) {
    if (!key.tainted() || left.contains(key.key_id())) continue;
    auto* revoked = stored.add_revoked_keys();
    revoked->set_key_id(key.key_id());
    revoked->set_expires_at(key.expires_at());
  }
}

void forget_ended(Stored& stored, std::int64_t now) {
  auto& all = *stored.mutable_revoked_keys();
  all.erase(std::remove_if(
                all.begin(), all.end(),
                [&](const auto& key) { return key.expires_at() != 0 && key.expires_at() <= now; }),
            all.end());
  if (all.size() > kMaxRevokedKeys) all.erase(all.begin(), all.end() - kMaxRevokedKeys);
}

Record record_of(const Stored& stored) {
  Record record;
  record.kind = "bundle";
  record.id = stored.bundle().trust_domain();
  record.body = stored.SerializeAsString();
  return record;
}

template <typename Keys>
void take_out(Keys& keys, const KeyIds& ids) {
  keys.erase(std::remove_if(keys.begin(), keys.end(),
                            [&](const auto& key) { return ids.contains(key.key_id()); }),
             keys.end());
}

}  // namespace

x509::Bundle bundle_from_api(const TrustDomain& trust_domain, const types::Bundle& message,
                             std::string* problem) {
  x509::Bundle bundle(trust_domain);
  for (const types::X509Certificate& authority : message.x509_authorities()) {
    auto parsed = x509::Certificate::parse(crypto::as_bytes(authority.asn1()));
    if (parsed) {
      bundle.x509_authorities.push_back({std::move(*parsed), authority.tainted()});
    } else if (problem != nullptr) {
      *problem = "X.509 authority: " + parsed.status().message();
    }
  }
  for (const types::JWTKey& key : message.jwt_authorities()) {
    bundle.jwt_authorities.push_back(
        {key.key_id(), crypto::to_bytes(key.public_key()), key.expires_at(), key.tainted()});
  }
  for (const types::WITKey& key : message.wit_authorities()) {
    bundle.wit_authorities.push_back(
        {key.key_id(), crypto::to_bytes(key.public_key()), key.expires_at(), key.tainted()});
  }
  bundle.sequence_number = message.sequence_number();
  bundle.refresh_hint = message.refresh_hint();
  return bundle;
}

Result<types::Bundle> bundle_from_record(const Record& record) {
  SIGNET_TRY(Stored stored, stored_from_record(record));
  return std::move(*stored.mutable_bundle());
}

Record bundle_to_record(const types::Bundle& bundle) {
  Stored stored;
  *stored.mutable_bundle() = bundle;
  return record_of(stored);
}

BundlePtr TrustBundles::find(std::string_view trust_domain) const {
  if (trust_domain == trust_domain_.name()) return own();
  std::shared_lock lock(mutex_);
  const auto at = bundles_.find(trust_domain);
  return at == bundles_.end() ? nullptr : at->second;
}

std::size_t TrustBundles::count() const {
  std::shared_lock lock(mutex_);
  return bundles_.size();
}

Result<std::optional<Record>> TrustBundles::change_own_in(
    Transaction& tx, const std::function<Result<bool>(types::Bundle&)>& edit) {
  Stored stored;
  auto record = tx.get("bundle", trust_domain_.name());
  const bool is_new = !record && record.status().code() == Code::kNotFound;
  if (record) {
    SIGNET_TRY(stored, stored_from_record(*record));
  } else if (!is_new) {
    return record.status();
  }
  types::Bundle& bundle = *stored.mutable_bundle();
  const types::Bundle before = bundle;
  bundle.set_trust_domain(trust_domain_.name());
  SIGNET_TRY(const bool changed, edit(bundle));
  if (!changed) return std::optional<Record>();
  if (stored.revoked_keys_size() > 0) {
    const KeyIds revoked = ids_of(stored.revoked_keys());
    take_out(*bundle.mutable_jwt_authorities(), revoked);
    take_out(*bundle.mutable_wit_authorities(), revoked);
    if (bundle.SerializeAsString() == before.SerializeAsString()) return std::optional<Record>();
  }
  note_revoked(before.jwt_authorities(), bundle.jwt_authorities(), stored);
  note_revoked(before.wit_authorities(), bundle.wit_authorities(), stored);
  forget_ended(stored, host_.unix_seconds());
  if (bundle.ByteSizeLong() > kMaxBundleBytes && bundle.ByteSizeLong() > before.ByteSizeLong()) {
    return Status::resource_exhausted("the bundle would be larger than agents can receive");
  }
  if (!is_new) bundle.set_sequence_number(bundle.sequence_number() + 1);
  Record changed_record = record_of(stored);
  SIGNET_RETURN_IF_ERROR(tx.put(changed_record));
  return std::optional<Record>(std::move(changed_record));
}

Status TrustBundles::change_own(const std::function<Result<bool>(types::Bundle&)>& edit) {
  SIGNET_TRY(auto tx, datastore_.write());
  SIGNET_TRY(const std::optional<Record> record, change_own_in(tx, edit));
  if (!record) return {};
  SIGNET_TRY(const std::uint64_t revision, tx.commit());
  committed(*record, revision);
  changes_.committed(revision);
  return {};
}

void TrustBundles::committed(const Record& record, std::uint64_t revision) {
  Record current = record;
  current.revision = revision;
  apply(current);
}

Status TrustBundles::reload(Transaction& tx) {
  SIGNET_TRY(const std::vector<Record> records, tx.query({.kind = "bundle", .where = {}}));
  std::map<std::string, BundlePtr, std::less<>> loaded;
  for (const Record& record : records) {
    if (BundlePtr bundle = read(record)) loaded[record.id] = std::move(bundle);
  }
  std::set<std::string, std::less<>> concerned;
  for (const auto& [name, bundle] : loaded) concerned.insert(name);
  {
    std::unique_lock lock(mutex_);
    for (const auto& [name, bundle] : bundles_) concerned.insert(name);
    if (const auto own = loaded.find(trust_domain_.name()); own != loaded.end())
      own_.store(own->second);
    bundles_.swap(loaded);  // at once: a bundle that is missed for a moment is missed by agents
    erased_.clear();
  }
  for (const std::string& name : concerned) tell(name);
  return {};
}

bool TrustBundles::knows(const Change& change) const {
  std::shared_lock lock(mutex_);
  if (const auto at = erased_.find(change.id);
      at != erased_.end() && at->second >= change.revision) {
    return true;
  }
  const auto at = bundles_.find(change.id);
  return at != bundles_.end() && at->second->revision >= change.revision && !change.deleted;
}

BundlePtr TrustBundles::read(const Record& record) const {
  auto message = bundle_from_record(record);
  auto domain = TrustDomain::parse(record.id);
  if (!message || !domain) {
    host_.error("Stored bundle cannot be read", {{"trust_domain_id", record.id}});
    return nullptr;
  }
  std::string problem;
  x509::Bundle bundle = bundle_from_api(*domain, *message, &problem);
  if (!problem.empty()) {
    host_.error("Stored bundle has a malformed authority",
                {{"trust_domain_id", record.id}, {"error", problem}});
  }
  x509::RootPool roots(bundle);
  return std::make_shared<const BundleSnapshot>(
      BundleSnapshot{std::move(*message), std::move(bundle), std::move(roots), record.revision});
}

void TrustBundles::apply(const Record& record) {
  BundlePtr snapshot = read(record);
  if (!snapshot) return;
  {
    std::unique_lock lock(mutex_);
    if (const auto gone = erased_.find(record.id);
        gone != erased_.end() && gone->second >= record.revision) {
      return;
    }
    BundlePtr& place = bundles_[record.id];
    if (place && place->revision > record.revision) return;  // a later one is here already
    place = snapshot;
    if (record.id == trust_domain_.name()) own_.store(std::move(snapshot));
  }
  tell(record.id);
}

void TrustBundles::erase(std::string_view id, std::uint64_t revision) {
  {
    std::unique_lock lock(mutex_);
    const auto at = bundles_.find(id);
    if (at != bundles_.end() && at->second->revision > revision) return;
    erased_[std::string(id)] = revision;
    forget_old(erased_, revision);
    if (at != bundles_.end()) bundles_.erase(at);
    if (id == trust_domain_.name()) own_.store(nullptr);
  }
  tell(id);
}

}  // namespace signet::server
