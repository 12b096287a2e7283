// Authorities: the keys that sign X509-SVIDs, JWT-SVIDs and WIT-SVIDs, and their life, by schedule
// and by hand.
//
// What signs is an immutable snapshot: take it once per call, no lock is held while signing.
// Sources: docs/spire-compatibility.md (thresholds, what operators may do when).
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "signet/host.h"
#include "signet/key_manager.h"

#include "authority_journal.h"
#include "ca_source.h"
#include "config.h"
#include "publication.h"
#include "snapshot.h"
#include "token_kind.h"
#include "x509_kind.h"

namespace signet::server {

class Authorities {
 public:
  /// ca: where X.509 authorities come from; null: each is its own root.
  Authorities(const Host& host, const ServerConfig& config, const Datastore& datastore,
              TrustBundles& bundles, ChangeFollower& changes,
              std::unique_ptr<CaSource> ca = nullptr);
  ~Authorities();

  /// Who must have an authority before the schedule lets it sign. Before start(); outlives this.
  void wait_for(const Publication* publication) { publication_ = publication; }
  /// Loads the journal, makes what is missing, and begins to check every 10 seconds. When it
  /// returns OK, x509() and jwt() are there. Blocks.
  Status start();
  void stop();

  X509AuthorityPtr x509() const { return x509_.load(); }
  /// nullptr when JWT-SVIDs are disabled.
  TokenAuthorityPtr jwt() const { return jwt_.load(); }
  /// nullptr when WIT-SVIDs are not enabled.
  TokenAuthorityPtr wit() const { return wit_.load(); }
  /// True when this start found no X.509 authority of its own that could go on.
  bool began_anew() const { return began_anew_; }
  /// True from a start that made an authority of any kind, over restarts, until it is set to false:
  /// others may not know yet what this server signs with. Blocks.
  bool joining() const;
  Status set_joining(bool joining);
  const std::string& journal_id() const { return journal_.id(); }
  /// The bundle revision from which on everybody knows all that this server signs with.
  std::uint64_t published() const;

  /// One look at the clock: prepares, activates and prunes what is due. The timer calls it; tests
  /// may. Blocks.
  Status rotate();

  // By hand. All of it blocks; errors have the code and the words of the wire. A kind that is
  // switched off must not be asked for.

  /// Errors   kUnavailable before there is an active one
  Result<AuthorityState> state(AuthorityType type);
  /// Replaces whatever is in the next slot.
  Result<AuthorityInfo> prepare(AuthorityType type);
  struct Activated {
    AuthorityInfo authority;
    Publication::Lacking lacking;  // who did not have it yet
  };
  /// At once, whoever lacks it.
  Result<Activated> activate(AuthorityType type, const std::string& authority_id);
  /// Who lacks the prepared authority of this ID.
  Result<Publication::Lacking> lacking(AuthorityType type, const std::string& authority_id);
  /// Marks an old one in the bundle, so that whatever it signed is replaced.
  Result<AuthorityInfo> taint(AuthorityType type, const std::string& authority_id);
  /// Takes a tainted one out of the bundle.
  Result<AuthorityInfo> revoke(AuthorityType type, const std::string& authority_id);
  /// The same for the root that signed our old X.509 authority. They give its ID.
  Result<std::string> taint_upstream(const std::string& subject_key_id);
  Result<std::string> revoke_upstream(const std::string& subject_key_id);
  /// This server leaves the trust domain: it signs no more, and authorities that never signed
  /// leave the bundle.
  Status leave();

  // What an upstream authority tells, at any time. Blocks.

  struct UpstreamRoot {
    std::string der;
    bool tainted = false;
  };
  /// All its X.509 roots. New ones are added; one that is newly tainted makes an authority below it
  /// give way at once; a tainted one that is not named any more is removed.
  Status upstream_roots(const std::vector<UpstreamRoot>& roots);
  /// All keys of a kind that are published there, likewise.
  template <typename Keys>  // JwtAuthorities or WitAuthorities
  Status upstream_keys(const Keys& keys);

  /// A key of a server below this one: goes upstream when there is one that takes it, else into the
  /// bundle. Gives all keys of its kind. Blocks.
  template <typename Key>  // types::JWTKey or types::WITKey
  Result<google::protobuf::RepeatedPtrField<Key>> publish(const Key& key);

 private:
  AuthorityKind& kind(AuthorityType type);
  std::vector<AuthorityKind*> kinds_in_use();
  Result<std::string> check_upstream_id(const std::string& subject_key_id);
  Status prune_bundle();
  void publish_snapshots();
  void report(const Status& rotation);
  std::int64_t now() const { return host_.unix_seconds(); }

  const Host host_;
  const ServerConfig& config_;
  const Datastore& datastore_;
  TrustBundles& bundles_;
  const std::unique_ptr<CaSource> ca_;
  const Publication* publication_ = nullptr;

  /// Why there is no authority that signs.
  Status none_active() const {
    return Status::unavailable(left_ ? "this server has left the trust domain"
                                     : "server is initializing");
  }

  mutable std::mutex mutex_;  // one change at a time
  AuthorityJournal journal_;
  AuthorityTools tools_;
  X509Kind x509_kind_;
  JwtKind jwt_kind_;
  WitKind wit_kind_;
  std::int64_t next_prune_at_ = 0;
  int failed_rotations_ = 0;
  bool began_anew_ = false;
  bool left_ = false;
  Timer timer_;

  Snapshot<X509Authority> x509_;
  Snapshot<TokenAuthority> jwt_;
  Snapshot<TokenAuthority> wit_;
};

}  // namespace signet::server
