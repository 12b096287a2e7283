// Authorities: the keys that sign X509-SVIDs and JWT-SVIDs, and their life.
//
// Each kind has two slots, A and B, in the key manager. A new authority is prepared in the free
// slot and published in the bundle long before it signs; it is activated when the active one
// nears its end, and the old one stays known until its slot is prepared again. A journal in the
// datastore carries all this over a restart.
//
// What signs is an immutable snapshot: take it once per call, no lock is held while signing.
// Source of the thresholds: docs/spire-compatibility.md.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "signet/host.h"
#include "signet/key_manager.h"
#include "signet/store/v1/store.pb.h"

#include "config.h"
#include "snapshot.h"
#include "trust_bundles.h"
#include "x509/svid_issuer.h"

namespace signet::server {

struct X509Authority {
  std::string authority_id;                 // lower-case hex of the subject key ID
  x509::Certificate certificate;            // the CA certificate
  std::vector<std::string> upstream_chain;  // DER, below `certificate` in SVID chains
  x509::SvidIssuer issuer;
  std::int64_t not_after = 0;
};
struct JwtAuthority {
  std::string key_id;  // the kid; also its authority ID
  std::shared_ptr<const crypto::Signer> signer;
  std::int64_t not_after = 0;
};
using X509AuthorityPtr = std::shared_ptr<const X509Authority>;
using JwtAuthorityPtr = std::shared_ptr<const JwtAuthority>;

// SPIRE's schedule for an authority that lives from `issued_at` to `not_after`.
struct AuthoritySchedule {
  std::int64_t prepare_at;   // when its successor is made and published
  std::int64_t activate_at;  // when its successor takes over
  static AuthoritySchedule of(std::int64_t issued_at, std::int64_t not_after);
};

class Authorities {
 public:
  Authorities(const Host& host, const ServerConfig& config, const Datastore& datastore,
              TrustBundles& bundles, ChangeFollower& changes);
  ~Authorities();

  /// Loads the journal, makes what is missing, and begins to check every 10 seconds. When it
  /// returns OK, x509() and jwt() are there. Blocks.
  Status start();
  void stop();

  X509AuthorityPtr x509() const { return x509_.load(); }
  /// nullptr when JWT-SVIDs are disabled.
  JwtAuthorityPtr jwt() const { return jwt_.load(); }

  /// One look at the clock: prepares, activates and prunes what is due. The timer calls it; tests
  /// may. Blocks.
  Status rotate();
  /// Called after another X.509 authority became active, from the rotating thread.
  void on_x509_activated(std::function<void()> fn) { x509_activated_ = std::move(fn); }

 private:
  using Journal = signet::store::v1::Journal;
  // One of the two places of a kind: what the journal says of it, and its key if it may sign.
  struct Slot {
    std::string name{};    // "A" or "B"
    std::string key_id{};  // "x509-CA-A"
    Journal::Status status = Journal::UNKNOWN;
    std::string authority_id{};
    std::int64_t issued_at = 0;
    std::int64_t not_after = 0;
    X509AuthorityPtr x509{};  // one of the two, by kind, for PREPARED and ACTIVE
    JwtAuthorityPtr jwt{};
    bool usable() const { return status == Journal::PREPARED || status == Journal::ACTIVE; }
  };
  struct Kind {
    bool x509 = true;
    Slot current, next;
  };

  Status load();
  void load_x509(const std::vector<KeyInfo>& keys);
  void load_jwt(const std::vector<KeyInfo>& keys);
  Status rotate_kind(Kind& kind);
  Status prepare(Kind& kind, Slot& slot, bool activate);
  Status prepare_x509(Slot& slot, bool activate);
  Status prepare_jwt(Slot& slot, bool activate);
  Status activate_next(Kind& kind);
  // Writes journal and bundle in one transaction; `edit` may be empty.
  Status commit(Journal journal,
                const std::function<Result<bool>(spire::api::types::Bundle&)>& edit);
  Status prune_bundle();
  void publish_snapshots();
  void report(const Status& rotation);
  std::int64_t now() const { return host_.unix_seconds(); }

  const Host host_;
  const ServerConfig& config_;
  const Datastore& datastore_;
  TrustBundles& bundles_;
  ChangeFollower& changes_;
  std::shared_ptr<const KeyManagerClient> keys_;

  std::mutex mutex_;  // one rotation at a time
  Kind x509_kind_, jwt_kind_;
  std::string journal_id_;
  Journal journal_;
  std::int64_t next_prune_at_ = 0;
  int failed_rotations_ = 0;
  Timer timer_;
  std::function<void()> x509_activated_;

  Snapshot<X509Authority> x509_;
  Snapshot<JwtAuthority> jwt_;
};

}  // namespace signet::server
