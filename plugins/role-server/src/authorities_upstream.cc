// Authorities, continued: what an upstream authority tells of its roots and keys, and JWT keys of
// servers below this one.
#include <algorithm>
#include <set>

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

bool add_keys(types::Bundle& bundle, const JwtAuthorities& keys) {
  std::set<std::string> known;
  for (const auto& key : bundle.jwt_authorities()) known.insert(key.key_id());
  bool added = false;
  for (const auto& key : keys) {
    if (!known.insert(key.key_id()).second) continue;
    *bundle.add_jwt_authorities() = key;
    added = true;
  }
  return added;
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

Status Authorities::upstream_jwt_keys(const JwtAuthorities& keys) {
  return bundles_.change_own(
      [&](types::Bundle& bundle) -> Result<bool> { return add_keys(bundle, keys); });
}

Result<JwtAuthorities> Authorities::publish_jwt(const types::JWTKey& key) {
  SIGNET_TRY(const std::optional<JwtAuthorities> upstream, ca_->publish_jwt(key));
  if (upstream) {
    SIGNET_RETURN_IF_ERROR(upstream_jwt_keys(*upstream));
    return *upstream;
  }
  JwtAuthorities all;
  JwtAuthorities one;
  *one.Add() = key;
  SIGNET_RETURN_IF_ERROR(bundles_.change_own([&](types::Bundle& bundle) -> Result<bool> {
    const bool added = append_authorities(bundle, {}, one);
    all = bundle.jwt_authorities();
    return added;
  }));
  return all;
}

}  // namespace signet::server
