// AuthorityKind: the life of one kind of authority (X.509, JWT, WIT), the same for all.
//
// A kind has two slots, A and B, in the key manager. A new authority is prepared in the free slot
// and published in the bundle long before it signs; it is activated when the active one nears its
// end, or by hand, and the old one stays known until its slot is prepared again. What differs
// between kinds (making one, its place in the bundle) is in the classes derived from this.
//
// Not safe from several threads; Authorities guards it. Everything that writes blocks.
#pragma once

#include <memory>
#include <string>

#include "signet/host.h"
#include "signet/key_manager.h"

#include "authority.h"
#include "authority_journal.h"
#include "config.h"
#include "key_manager_signer.h"
#include "publication.h"

namespace signet::server {

// What all kinds work with; outlives them.
struct AuthorityTools {
  const Host& host;
  const ServerConfig& config;
  TrustBundles& bundles;
  AuthorityJournal& journal;
  std::shared_ptr<const KeyManagerClient> keys;
  std::int64_t now() const { return host.unix_seconds(); }
};

class AuthorityKind {
 public:
  using Journal = AuthorityJournal::Content;
  using Entry = AuthorityJournal::Entry;
  using Entries = AuthorityJournal::Entries;
  using Bundle = spire::api::types::Bundle;

  // One of the two places: what the journal says of it, and what signs if it may.
  struct Slot {
    std::string name{};    // "A" or "B"
    std::string key_id{};  // "x509-CA-A"
    Journal::Status status = Journal::UNKNOWN;
    std::string authority_id{};
    std::string upstream_authority_id{};
    std::int64_t issued_at = 0;
    std::int64_t not_after = 0;
    std::uint64_t published = 0;  // every bundle from this revision on has it
    AuthorityPtr authority{};     // for PREPARED and ACTIVE
    AuthorityInfo info() const { return {authority_id, not_after, upstream_authority_id}; }
  };
  struct Names {
    const char* title;       // "X.509"
    const char* key_prefix;  // "x509-CA-"
    const char* prepared_counter;
    const char* activated_counter;
  };

  AuthorityKind(AuthorityTools& tools, const Names& names);
  virtual ~AuthorityKind() = default;

  const char* title() const { return names_.title; }
  const Slot& current() const { return current_; }
  const Slot& next() const { return next_; }
  bool active() const { return current_.status == Journal::ACTIVE; }
  /// What signs now; nullptr before there is one.
  AuthorityPtr signing() const { return active() ? current_.authority : nullptr; }
  AuthorityState state() const;

  /// Takes over what the journal has, as far as key and bundle still bear it out.
  void load();
  /// Prepares and activates what is due; all at once when there is nothing that can sign.
  Status rotate(const Publication* publication);
  /// A new authority in the next slot, whatever is there, published in the bundle.
  Status prepare_next() { return prepare(next_, false); }
  /// The prepared one signs from now on. The next slot must be PREPARED.
  Status activate_next();
  /// Marks an authority of the bundle, or removes a marked one.
  /// Errors   worded as the peer's datastore does
  Status taint(const std::string& authority_id);
  Status revoke(const std::string& authority_id);
  /// This server signs no more: what signed becomes OLD, what never did leaves the bundle.
  Status retire();

 protected:
  struct Made {
    AuthorityPtr authority;
    BundleEdit publish;
  };
  const Host& host() const { return tools_.host; }
  AuthorityTools& tools() const { return tools_; }

  virtual crypto::KeyType key_type() const = 0;
  /// This kind's part of the journal.
  virtual Entries& entries(Journal& journal) const = 0;
  /// A new authority with this key: fills in the entry's ID, end and what else the kind has.
  virtual Result<Made> make(Entry& entry, std::shared_ptr<const KeyManagerSigner> signer) = 0;
  virtual Result<AuthorityPtr> restore(const Entry& entry,
                                       std::shared_ptr<const KeyManagerSigner> signer) const = 0;
  virtual bool published(const Bundle& bundle, const Entry& entry) const = 0;
  /// What a journal that was not ours left out and the bundle tells.
  virtual void complete(Entry& entry, const Bundle& bundle) const {
    (void)entry;
    (void)bundle;
  }
  /// True: it cannot be used yet, because the clock was ahead when it was made.
  virtual bool begins_later(const Slot& slot) const = 0;
  virtual Result<bool> taint_in(Bundle& bundle, const std::string& authority_id) const = 0;
  virtual Result<bool> revoke_in(Bundle& bundle, const std::string& authority_id) const = 0;
  /// Takes one that never signed out of the bundle.
  virtual bool withdraw_from(Bundle& bundle, const Entry& entry) const = 0;

 private:
  Status prepare(Slot& slot, bool activate);
  bool may_activate(std::int64_t activate_at, const Publication* publication);
  void load_slot(Slot& slot, Entry entry);
  BundleEdit withdraw_prepared(Journal& journal, const std::string& slot_name) const;

  AuthorityTools& tools_;
  const Names names_;
  Slot current_, next_;
  bool waiting_told_ = false;
};

}  // namespace signet::server
