#include "workload_answer.h"

#include <algorithm>
#include <limits>
#include <map>
#include <set>

#include "message_keys.h"
#include "sorted_blob.h"
#include "spiffe/workload/workload.pb.h"

namespace signet::agent {
namespace {

std::string id_of(const std::string& trust_domain) { return "spiffe://" + trust_domain; }

template <typename Response, typename Form>
Blob bundles(const Host& host, const WorkloadUpdate& update, Form form) {
  Response response;
  auto& map = *response.mutable_bundles();
  map[update.bundle->trust_domain.id_string()] = (*update.bundle).*form;
  for (const auto& [name, bundle] : update.federated) map[id_of(name)] = (*bundle).*form;
  return sorted_blob(host, response);
}

}  // namespace

std::vector<EntryPtr> filter_hints(const std::vector<EntryPtr>& entries) {
  std::map<std::string_view, const Entry*> best;
  for (const EntryPtr& entry : entries) {
    if (entry->hint.empty()) continue;
    const Entry*& kept = best[entry->hint];
    if (kept == nullptr ||
        std::tie(entry->created_at, entry->id) < std::tie(kept->created_at, kept->id)) {
      kept = entry.get();
    }
  }
  std::vector<EntryPtr> out;
  out.reserve(entries.size());
  for (const EntryPtr& entry : entries) {
    if (entry->hint.empty() || best[entry->hint] == entry.get()) out.push_back(entry);
  }
  return out;
}

std::int64_t first_expiry(const WorkloadUpdate& update) {
  std::int64_t first = std::numeric_limits<std::int64_t>::max();
  for (const Identity& identity : update.identities)
    first = std::min(first, identity.svid->not_after);
  return first;
}

Blob x509_svid_answer(const Host& host, const WorkloadUpdate& update) {
  std::vector<EntryPtr> entries;
  entries.reserve(update.identities.size());
  for (const Identity& identity : update.identities) entries.push_back(identity.entry);
  entries = filter_hints(entries);
  ::X509SVIDResponse response;
  MessageKeys keys;
  std::size_t next = 0;  // both lists are in the same order
  for (const Identity& identity : update.identities) {
    if (next == entries.size() || entries[next] != identity.entry) continue;
    ++next;
    ::X509SVID* svid = response.add_svids();
    svid->set_spiffe_id(identity.entry->spiffe_id.to_string());
    svid->set_x509_svid(identity.svid->chain);
    identity.svid->key.open(
        [&](std::string_view key) { keys.put(*svid->mutable_x509_svid_key(), key); });
    svid->set_bundle(update.bundle->x509_der);
    svid->set_hint(identity.entry->hint);
  }
  for (const auto& [name, bundle] : update.federated) {
    (*response.mutable_federated_bundles())[id_of(name)] = bundle->x509_der;
  }
  return sorted_blob(host, response, true);
}

Blob x509_bundles_answer(const Host& host, const WorkloadUpdate& update) {
  return bundles<::X509BundlesResponse>(host, update, &BundleData::x509_der);
}

Blob jwt_bundles_answer(const Host& host, const WorkloadUpdate& update) {
  return bundles<::JWTBundlesResponse>(host, update, &BundleData::jwks);
}

Blob wit_bundles_answer(const Host& host, const WorkloadUpdate& update) {
  return bundles<::WITBundlesResponse>(host, update, &BundleData::wit_jwks);
}

Blob own_bundle_answer(const Host& host, AnswerKind kind, const BundleData& own) {
  WorkloadUpdate alone;
  alone.bundle = std::make_shared<BundleData>(own);
  switch (kind) {
    case kJwtBundlesAnswer:
      return jwt_bundles_answer(host, alone);
    case kWitBundlesAnswer:
      return wit_bundles_answer(host, alone);
    default:
      return x509_bundles_answer(host, alone);
  }
}

}  // namespace signet::agent
