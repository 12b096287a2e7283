// Authorities, continued: what an upstream authority tells of its roots and keys, and keys of
// servers below this one.
#include <algorithm>
#include <map>
#include <set>
#include <string_view>

#include "authorities.h"

namespace signet::server {
namespace {

namespace types = spire::api::types;

using Roots = std::vector<Authorities::UpstreamRoot>;

const Authorities::UpstreamRoot* find_root(const Roots& roots, const std::string& der) {
  const auto at =
      std::find_if(roots.begin(), roots.end(), [&](const auto& root) { return root.der == der; });
  return at == roots.end() ? nullptr : &*at;
}

// Roots that are new to the bundle go in. Tainting comes later: what was signed below such a root
// must have a successor first.
bool add_roots(types::Bundle& bundle, const Roots& roots) {
  std::set<std::string> known;
  for (const auto& root : bundle.x509_authorities()) known.insert(root.asn1());
  bool added = false;
  for (const auto& root : roots) {
    if (!known.insert(root.der).second) continue;
    bundle.add_x509_authorities()->set_asn1(root.der);
    added = true;
  }
  return added;
}

bool taint_and_remove(types::Bundle& bundle, const Roots& roots) {
  bool changed = false;
  for (auto& known : *bundle.mutable_x509_authorities()) {
    const auto* told = find_root(roots, known.asn1());
    if (told == nullptr || !told->tainted || known.tainted()) continue;
    known.set_tainted(true);
    changed = true;
  }
  // An untainted root that is not named any more stays until it ends.
  auto& all = *bundle.mutable_x509_authorities();
  const auto kept = std::remove_if(all.begin(), all.end(), [&](const auto& known) {
    return known.tainted() && find_root(roots, known.asn1()) == nullptr;
  });
  changed |= kept != all.end();
  all.erase(kept, all.end());
  return changed;
}

// The keys of a bundle that are of the kind of the second.
JwtAuthorities& keys_of(types::Bundle& bundle, const JwtAuthorities&) {
  return *bundle.mutable_jwt_authorities();
}
WitAuthorities& keys_of(types::Bundle& bundle, const WitAuthorities&) {
  return *bundle.mutable_wit_authorities();
}

bool append(types::Bundle& bundle, const JwtAuthorities& keys) {
  return append_authorities(bundle, {}, keys, {});
}
bool append(types::Bundle& bundle, const WitAuthorities& keys) {
  return append_authorities(bundle, {}, {}, keys);
}

// As with roots: new keys go in, a taint is taken over, and a tainted key that is not named any
// more goes. An untainted one that is not named stays until it ends.
template <typename Keys>
bool follow_keys(Keys& known, const Keys& told) {
  std::map<std::string_view, const typename Keys::value_type*> named;
  for (const auto& key : told) named.emplace(key.key_id(), &key);
  bool changed = false;
  std::set<std::string_view> ids;
  for (auto& key : known) {
    ids.insert(key.key_id());
    const auto at = named.find(key.key_id());
    if (at == named.end() || !at->second->tainted() || key.tainted()) continue;
    key.set_tainted(true);
    changed = true;
  }
  Keys added;
  for (const auto& [id, key] : named) {
    if (!ids.contains(id)) *added.Add() = *key;
  }
  const auto kept = std::remove_if(known.begin(), known.end(), [&](const auto& key) {
    return key.tainted() && !named.contains(key.key_id());
  });
  changed |= kept != known.end() || !added.empty();
  known.erase(kept, known.end());
  known.MergeFrom(added);
  return changed;
}

}  // namespace

Status Authorities::upstream_roots(const Roots& roots) {
  if (roots.empty()) return Status::invalid_argument("the upstream authority has no X.509 roots");
  std::lock_guard lock(mutex_);
  SIGNET_RETURN_IF_ERROR(bundles_.change_own(
      [&](types::Bundle& bundle) -> Result<bool> { return add_roots(bundle, roots); }));
  const std::string ours = x509_kind_.current().upstream_authority_id;
  const bool ours_tainted =
      !ours.empty() && std::any_of(roots.begin(), roots.end(), [&](const UpstreamRoot& root) {
        return root.tainted && subject_key_id_of(root.der) == ours;
      });
  if (x509_kind_.active() && ours_tainted) {
    host_.warn(
        "The upstream authority tainted the root that our X.509 authority lies below; "
        "another one takes over at once",
        {{"upstream_authority_id", ours}});
    SIGNET_RETURN_IF_ERROR(x509_kind_.prepare_next());
    if (x509_kind_.next().upstream_authority_id == ours) {
      return Status::unavailable("the upstream authority still signs below its tainted root");
    }
    SIGNET_RETURN_IF_ERROR(x509_kind_.activate_next());
    publish_snapshots();
  }
  return bundles_.change_own(
      [&](types::Bundle& bundle) -> Result<bool> { return taint_and_remove(bundle, roots); });
}

template <typename Keys>
Status Authorities::upstream_keys(const Keys& keys) {
  return bundles_.change_own([&](types::Bundle& bundle) -> Result<bool> {
    return follow_keys(keys_of(bundle, keys), keys);
  });
}

template <typename Key>
Result<google::protobuf::RepeatedPtrField<Key>> Authorities::publish(const Key& key) {
  using Keys = google::protobuf::RepeatedPtrField<Key>;
  SIGNET_TRY(const std::optional<Keys> upstream, ca_->publish(key));
  if (upstream) {
    SIGNET_RETURN_IF_ERROR(upstream_keys(*upstream));
    return *upstream;
  }
  Keys all = only(key);
  SIGNET_RETURN_IF_ERROR(bundles_.change_own([&](types::Bundle& bundle) -> Result<bool> {
    const bool added = append(bundle, all);
    all = keys_of(bundle, all);
    return added;
  }));
  return all;
}

template Status Authorities::upstream_keys(const JwtAuthorities&);
template Status Authorities::upstream_keys(const WitAuthorities&);
template Result<JwtAuthorities> Authorities::publish(const types::JWTKey&);
template Result<WitAuthorities> Authorities::publish(const types::WITKey&);

}  // namespace signet::server
