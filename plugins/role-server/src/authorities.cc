#include "authorities.h"

#include <algorithm>

#include "run_alone.h"

namespace signet::server {
namespace {

namespace types = spire::api::types;

constexpr std::chrono::seconds kCheckPeriod{10};
constexpr std::int64_t kPrunePeriod = 6 * 3600;
constexpr int kToleratedFailures = 10;
constexpr int kManyAuthorities = 50;

// Removes what ended long enough ago, but never the last one of a kind.
template <typename List, typename EndsAt>
bool prune_list(List& list, std::int64_t before, EndsAt&& ends_at) {
  int kept = list.size();
  bool changed = false;
  for (int i = 0; i < list.size();) {
    const std::int64_t end = ends_at(list.Get(i));
    if (end != 0 && end <= before && kept > 1) {
      list.DeleteSubrange(i, 1);
      --kept;
      changed = true;
    } else {
      ++i;
    }
  }
  return changed;
}

std::int64_t certificate_end(const types::X509Certificate& authority) {
  auto parsed = x509::Certificate::parse(crypto::as_bytes(authority.asn1()));
  return parsed ? x509::to_unix(parsed->not_after()) : 0;
}

}  // namespace

Authorities::Authorities(const Host& host, const ServerConfig& config, const Datastore& datastore,
                         TrustBundles& bundles, ChangeFollower& changes,
                         std::unique_ptr<CaSource> ca)
    : host_(host),
      config_(config),
      datastore_(datastore),
      bundles_(bundles),
      ca_(ca ? std::move(ca) : std::make_unique<SelfSignedCa>(config)),
      journal_(host_, datastore, bundles, changes),
      tools_{host_, config, bundles, journal_, nullptr},
      x509_kind_(tools_, *ca_),
      jwt_kind_(tools_, *ca_),
      wit_kind_(tools_, *ca_) {}

Authorities::~Authorities() { stop(); }

Status Authorities::start() {
  SIGNET_TRY(auto keys, KeyManagerClient::acquire(host_));
  tools_.keys = std::make_shared<const KeyManagerClient>(std::move(keys));
  SIGNET_TRY(const std::vector<KeyInfo> known, tools_.keys->list());
  SIGNET_RETURN_IF_ERROR(journal_.load(known));
  const std::vector<AuthorityKind*> kinds = kinds_in_use();
  for (AuthorityKind* kind : kinds) kind->load();
  const auto has_none = [](AuthorityKind* kind) {
    return !kind->active() && !kind->state().prepared;
  };
  began_anew_ = has_none(&x509_kind_);
  // On record before the authorities are: a start that is cut off is still one that joins.
  if (std::any_of(kinds.begin(), kinds.end(), has_none)) {
    SIGNET_RETURN_IF_ERROR(set_joining(true));
  }
  SIGNET_RETURN_IF_ERROR(rotate());
  return timer_.start_every(host_, kCheckPeriod, [this] { report(rotate()); });
}

void Authorities::stop() { timer_.stop(); }

std::vector<AuthorityKind*> Authorities::kinds_in_use() {
  std::vector<AuthorityKind*> kinds = {&x509_kind_};
  if (!config_.disable_jwt_svids) kinds.push_back(&jwt_kind_);
  if (config_.wit_svids) kinds.push_back(&wit_kind_);
  return kinds;
}

Status Authorities::set_joining(bool joining) {
  std::lock_guard lock(mutex_);
  if (journal_.content().joining() == joining) return {};
  AuthorityJournal::Content content = journal_.content();
  content.set_joining(joining);
  return journal_.commit(std::move(content), {});
}

bool Authorities::joining() const {
  std::lock_guard lock(mutex_);
  return journal_.content().joining();
}

void Authorities::report(const Status& rotation) {
  if (rotation.ok()) return;
  host_.log_status(LogLevel::kError, "Authority rotation failed", rotation);
  if (++failed_rotations_ > kToleratedFailures) {
    host_.set_health("server.ca.rotator", false, false,
                     R"({"rotation_err":"rotations keep failing"})");
  }
}

Status Authorities::rotate() {
  std::lock_guard lock(mutex_);
  if (left_) return {};
  Status status;
  for (AuthorityKind* kind : kinds_in_use()) {
    const Status result = kind->rotate(publication_);
    if (status.ok()) status = result;  // one kind's trouble must not hold back the others
  }
  publish_snapshots();
  if (now() >= next_prune_at_ && x509()) {
    // Done by another server just now, it is done.
    const auto pruned =
        run_alone(datastore_, "prune/bundle", [this]() -> Status { return prune_bundle(); });
    if (pruned) next_prune_at_ = now() + kPrunePeriod;
    if (status.ok()) status = pruned.status();
  }
  if (status.ok()) {
    host_.set_health("server.ca.rotator", true, true);
    host_.set_health("server.ca", true, true);
  }
  return status;
}

std::uint64_t Authorities::published() const {
  std::lock_guard lock(mutex_);
  return std::max({x509_kind_.current().published, jwt_kind_.current().published,
                   wit_kind_.current().published});
}

Status Authorities::prune_bundle() {
  const std::int64_t before = now() - config_.expired_authority_grace.count();
  return bundles_.change_own([&](types::Bundle& bundle) -> Result<bool> {
    const auto key_end = [](const auto& key) { return key.expires_at(); };
    bool changed = prune_list(*bundle.mutable_x509_authorities(), before, certificate_end);
    changed |= prune_list(*bundle.mutable_jwt_authorities(), before, key_end);
    changed |= prune_list(*bundle.mutable_wit_authorities(), before, key_end);
    if (changed) {
      host_.info("Expired authorities removed from the bundle");
      host_.count("ca.manager.bundle.pruned");
    }
    const int most = std::max({bundle.x509_authorities_size(), bundle.jwt_authorities_size(),
                               bundle.wit_authorities_size()});
    if (most >= kManyAuthorities) {
      host_.warn(
          "The bundle holds many authorities; servers that lose their keys at each start "
          "leave theirs behind",
          {{"authorities", most}});
    }
    return changed;
  });
}

void Authorities::publish_snapshots() {
  x509_.store(x509_kind_.x509());
  jwt_.store(jwt_kind_.token());
  wit_.store(wit_kind_.token());
}

}  // namespace signet::server
