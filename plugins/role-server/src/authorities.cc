#include "authorities.h"

#include <algorithm>

#include "crypto/encoding.h"
#include "crypto/random.h"
#include "key_manager_signer.h"

namespace signet::server {
namespace {

namespace types = spire::api::types;

constexpr std::chrono::seconds kCheckPeriod{10};
constexpr std::int64_t kPrunePeriod = 6 * 3600;
constexpr std::int64_t kPruneGrace = 24 * 3600;
constexpr std::int64_t kDay = 24 * 3600;
constexpr int kToleratedFailures = 10;

// Removes what has been expired for a day, but never the last one of a kind.
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

AuthoritySchedule AuthoritySchedule::of(std::int64_t issued_at, std::int64_t not_after) {
  const std::int64_t life = not_after - issued_at;
  return {not_after - std::min(life / 2, 30 * kDay), not_after - std::min(life / 6, 7 * kDay)};
}

Authorities::Authorities(const Host& host, const ServerConfig& config, const Datastore& datastore,
                         TrustBundles& bundles, ChangeFollower& changes)
    : host_(host), config_(config), datastore_(datastore), bundles_(bundles), changes_(changes) {
  jwt_kind_.x509 = false;
}

Authorities::~Authorities() { stop(); }

Status Authorities::start() {
  SIGNET_TRY(auto keys, KeyManagerClient::acquire(host_));
  keys_ = std::make_shared<const KeyManagerClient>(std::move(keys));
  SIGNET_RETURN_IF_ERROR(load());
  SIGNET_RETURN_IF_ERROR(rotate());
  return timer_.start_every(host_, kCheckPeriod, [this] { report(rotate()); });
}

void Authorities::stop() { timer_.stop(); }

void Authorities::report(const Status& rotation) {
  if (rotation.ok()) return;
  host_.log_status(LogLevel::kError, "Authority rotation failed", rotation);
  if (++failed_rotations_ > kToleratedFailures) {
    host_.set_health("server.ca.rotator", false, false,
                     R"({"rotation_err":"rotations keep failing"})");
  }
}

Status Authorities::rotate() {
  X509AuthorityPtr before;
  Status status;
  {
    std::lock_guard lock(mutex_);
    before = x509();
    status = rotate_kind(x509_kind_);
    // One kind's trouble must not hold back the other.
    if (!config_.disable_jwt_svids) {
      const Status jwt_status = rotate_kind(jwt_kind_);
      if (status.ok()) status = jwt_status;
    }
    publish_snapshots();
    if (now() >= next_prune_at_ && x509()) {
      const Status pruned = prune_bundle();
      if (pruned.ok()) next_prune_at_ = now() + kPrunePeriod;
      if (status.ok()) status = pruned;
    }
  }
  if (before && before != x509() && x509_activated_) x509_activated_();
  if (status.ok()) {
    host_.set_health("server.ca.rotator", true, true);
    host_.set_health("server.ca", true, true);
  }
  return status;
}

Status Authorities::rotate_kind(Kind& kind) {
  if (kind.current.status != Journal::ACTIVE) {
    // First start, or all that the journal named is gone or expired.
    if (kind.next.status == Journal::PREPARED) return activate_next(kind);
    return prepare(kind, kind.current, true);
  }
  const AuthoritySchedule schedule =
      AuthoritySchedule::of(kind.current.issued_at, kind.current.not_after);
  if (kind.next.status != Journal::PREPARED && now() >= schedule.prepare_at) {
    SIGNET_RETURN_IF_ERROR(prepare(kind, kind.next, false));
  }
  if (kind.next.status == Journal::PREPARED && now() >= schedule.activate_at) {
    SIGNET_RETURN_IF_ERROR(activate_next(kind));
  }
  return {};
}

Status Authorities::prepare(Kind& kind, Slot& slot, bool activate) {
  // The key of this slot is about to be replaced: whatever happens, the old one is gone.
  slot = Slot{slot.name, slot.key_id, {}, {}, 0, 0, nullptr, nullptr};
  const Status status = kind.x509 ? prepare_x509(slot, activate) : prepare_jwt(slot, activate);
  if (!status.ok()) {
    return status.prefixed(kind.x509 ? "cannot prepare an X.509 authority"
                                     : "cannot prepare a JWT authority");
  }
  host_.info(kind.x509 ? "X.509 authority prepared" : "JWT authority prepared",
             {{"slot", slot.name},
              {"local_authority_id", slot.authority_id},
              Field::time("expiration", slot.not_after)});
  host_.count(kind.x509 ? "ca.manager.x509_ca.prepare" : "ca.manager.jwt_key.prepare");
  return {};
}

Status Authorities::prepare_x509(Slot& slot, bool activate) {
  SIGNET_TRY(const KeyInfo key,
             keys_->generate(slot.key_id, key_manager_type(config_.ca_key_type)));
  SIGNET_TRY(const auto signer, KeyManagerSigner::make(keys_, slot.key_id, key.public_key));
  const x509::Time issued_at = x509::from_unix(now());
  SIGNET_TRY(
      const x509::Certificate certificate,
      x509::self_sign_ca(config_.trust_domain,
                         {.subject = config_.ca_subject, .now = issued_at, .ttl = config_.ca_ttl},
                         *signer));
  SIGNET_RETURN_IF_ERROR(
      x509::check_ca(certificate, config_.trust_domain, signer->spki(), issued_at));
  SIGNET_TRY(x509::SvidIssuer issuer, x509::SvidIssuer::make(certificate, signer));
  auto authority = std::make_shared<const X509Authority>(
      X509Authority{crypto::hex_encode(certificate.subject_key_id()),
                    certificate,
                    {},
                    std::move(issuer),
                    x509::to_unix(certificate.not_after())});

  Journal journal = journal_;
  auto* entry = journal.add_x509();
  entry->set_slot(slot.name);
  entry->set_issued_at(x509::to_unix(issued_at));
  entry->set_not_after(authority->not_after);
  entry->set_status(activate ? Journal::ACTIVE : Journal::PREPARED);
  entry->set_authority_id(authority->authority_id);
  entry->set_certificate(crypto::to_string(certificate.der()));
  entry->set_key_id(slot.key_id);
  entry->set_public_key(key.public_key);
  slot.issued_at = entry->issued_at();
  slot.not_after = entry->not_after();
  slot.authority_id = entry->authority_id();
  SIGNET_RETURN_IF_ERROR(commit(std::move(journal), [&](types::Bundle& bundle) -> Result<bool> {
    bundle.add_x509_authorities()->set_asn1(crypto::to_string(certificate.der()));
    return true;
  }));
  slot.status = activate ? Journal::ACTIVE : Journal::PREPARED;
  slot.x509 = std::move(authority);
  return {};
}

Status Authorities::prepare_jwt(Slot& slot, bool activate) {
  SIGNET_TRY(const KeyInfo key,
             keys_->generate(slot.key_id, key_manager_type(config_.jwt_key_type)));
  SIGNET_TRY(const auto signer, KeyManagerSigner::make(keys_, slot.key_id, key.public_key));
  Journal journal = journal_;
  auto* entry = journal.add_jwt();
  entry->set_slot(slot.name);
  entry->set_issued_at(now());
  entry->set_not_after(now() + config_.ca_ttl.count());
  entry->set_status(activate ? Journal::ACTIVE : Journal::PREPARED);
  entry->set_authority_id(crypto::random_alphanumeric(32));
  entry->set_key_id(slot.key_id);
  entry->set_public_key(key.public_key);
  slot.issued_at = entry->issued_at();
  slot.not_after = entry->not_after();
  slot.authority_id = entry->authority_id();
  SIGNET_RETURN_IF_ERROR(commit(std::move(journal), [&](types::Bundle& bundle) -> Result<bool> {
    auto* published = bundle.add_jwt_authorities();
    published->set_key_id(slot.authority_id);
    published->set_public_key(key.public_key);
    published->set_expires_at(slot.not_after);
    return true;
  }));
  slot.status = activate ? Journal::ACTIVE : Journal::PREPARED;
  slot.jwt =
      std::make_shared<const JwtAuthority>(JwtAuthority{slot.authority_id, signer, slot.not_after});
  return {};
}

Status Authorities::activate_next(Kind& kind) {
  Journal journal = journal_;
  const auto set_statuses = [&](auto* entries) {
    for (auto& entry : *entries) {
      if (entry.authority_id() == kind.next.authority_id) {
        entry.set_status(Journal::ACTIVE);
      } else if (entry.status() == Journal::ACTIVE) {
        entry.set_status(Journal::OLD);
      }
    }
  };
  if (kind.x509) {
    set_statuses(journal.mutable_x509());
  } else {
    set_statuses(journal.mutable_jwt());
  }
  SIGNET_RETURN_IF_ERROR(commit(std::move(journal), {}));
  std::swap(kind.current, kind.next);
  kind.current.status = Journal::ACTIVE;
  if (kind.next.status == Journal::ACTIVE) kind.next.status = Journal::OLD;
  kind.next.x509 = nullptr;
  kind.next.jwt = nullptr;
  host_.info(kind.x509 ? "X.509 authority activated" : "JWT authority activated",
             {{"slot", kind.current.name},
              {"local_authority_id", kind.current.authority_id},
              Field::time("expiration", kind.current.not_after)});
  host_.count(kind.x509 ? "ca.manager.x509_ca.activate" : "manager.jwt_key.activate");
  return {};
}

Status Authorities::prune_bundle() {
  const std::int64_t before = now() - kPruneGrace;
  return bundles_.change_own([&](types::Bundle& bundle) -> Result<bool> {
    const auto key_end = [](const auto& key) { return key.expires_at(); };
    bool changed = prune_list(*bundle.mutable_x509_authorities(), before, certificate_end);
    changed |= prune_list(*bundle.mutable_jwt_authorities(), before, key_end);
    changed |= prune_list(*bundle.mutable_wit_authorities(), before, key_end);
    if (changed) {
      host_.info("Expired authorities removed from the bundle");
      host_.count("ca.manager.bundle.pruned");
    }
    return changed;
  });
}

void Authorities::publish_snapshots() {
  if (x509_kind_.current.status == Journal::ACTIVE) x509_.store(x509_kind_.current.x509);
  if (jwt_kind_.current.status == Journal::ACTIVE) jwt_.store(jwt_kind_.current.jwt);
}

}  // namespace signet::server
