#include "sds_names.h"

#include <algorithm>
#include <limits>

#include "cli/go_text.h"

namespace signet::agent {
namespace {

constexpr std::size_t kMaxNamed = 4096;  // bytes of names in a refusal, which travels in a header

// Places of what every update has; federated bundles and identities follow.
enum : int { kOwnById, kOwnByDefault, kAllByDefault, kSvidByDefault, kOthers };

class Selecting {
 public:
  explicit Selecting(const SdsWanted& wanted) : wanted_(wanted), left_(wanted.names) {
    out_.first_expiry = std::numeric_limits<std::int64_t>::max();
  }

  /// Was this asked for? Each name only once.
  bool take(const std::string& name, bool with_all) {
    if (left_.erase(name) > 0) return true;
    if (!with_all || !wanted_.all || wanted_.names.contains(name)) return false;
    return seen_.insert(name).second;
  }
  void bundle(const std::string& name, const BundleData& bundle, int place) {
    out_.secrets.push_back({name, SdsSecret::Kind::kBundle, &bundle, nullptr, place});
  }
  void all_bundles(const std::string& name) {
    out_.secrets.push_back({name, SdsSecret::Kind::kAllBundles, nullptr, nullptr, kAllByDefault});
  }
  void svid(const std::string& name, const Identity& identity, int place) {
    out_.secrets.push_back({name, SdsSecret::Kind::kSvid, nullptr, &identity, place});
    out_.first_expiry = std::min(out_.first_expiry, identity.svid->not_after);
  }
  SdsSelection done(const WorkloadUpdate& update) {
    out_.missing.assign(left_.begin(), left_.end());
    const auto own = [&](const SdsSecret& s) { return s.bundle == update.bundle.get(); };
    out_.own_bundle_only = !wanted_.all && update.bundle && out_.missing.empty() &&
                           std::all_of(out_.secrets.begin(), out_.secrets.end(), own);
    return std::move(out_);
  }

 private:
  const SdsWanted& wanted_;
  std::set<std::string, std::less<>> left_;
  std::set<std::string> seen_;  // by their IDs, when everything is asked for
  SdsSelection out_;
};

}  // namespace

Status check_sds_text(std::string_view what, std::string_view text) {
  if (text.size() <= kMaxSdsText) return {};
  return Status::invalid_argument(std::string(what) + " is longer than " +
                                  std::to_string(kMaxSdsText) + " bytes");
}

Status add_sds_names(const SdsNameList& names, SdsWanted& wanted) {
  for (const std::string& name : names) {
    if (name.empty()) continue;
    SIGNET_RETURN_IF_ERROR(check_sds_text("a resource name", name));
    wanted.names.insert(name);
    if (wanted.names.size() > kMaxSdsNames) {
      return Status::invalid_argument("more than " + std::to_string(kMaxSdsNames) +
                                      " resource names");
    }
  }
  return {};
}

SdsSelection select_sds(const SdsOptions& options, const WorkloadUpdate& update,
                        const SdsWanted& wanted) {
  Selecting found(wanted);
  if (update.bundle) {
    const std::string own = update.bundle->trust_domain.id_string();
    if (found.take(own, true)) found.bundle(own, *update.bundle, kOwnById);
    if (found.take(options.default_bundle_name, false))
      found.bundle(options.default_bundle_name, *update.bundle, kOwnByDefault);
    if (found.take(options.default_all_bundles_name, false))
      found.all_bundles(options.default_all_bundles_name);
  }
  int place = kOthers;
  for (const auto& [name, bundle] : update.federated) {
    const std::string id = bundle->trust_domain.id_string();
    if (found.take(id, true)) found.bundle(id, *bundle, place);
    ++place;
  }
  if (!update.identities.empty() && found.take(options.default_svid_name, false))
    found.svid(options.default_svid_name, update.identities.front(), kSvidByDefault);
  for (const Identity& identity : update.identities) {
    const std::string& id = identity.entry->spiffe_id.to_string();
    if (found.take(id, true)) found.svid(id, identity, place);
    ++place;
  }
  SdsSelection selection = found.done(update);
  selection.orders_identities = wanted.all || wanted.names.contains(options.default_svid_name);
  return selection;
}

Status sds_not_authorized(const std::vector<std::string>& missing) {
  std::string list;
  for (const std::string& name : missing) {
    if (list.size() + name.size() > kMaxNamed) {
      list += " ...";
      break;
    }
    list += (list.empty() ? "" : " ") + signet::cli::go_quote(name);
  }
  return Status::invalid_argument("workload is not authorized for the requested identities [" +
                                  list + "]");
}

}  // namespace signet::agent
