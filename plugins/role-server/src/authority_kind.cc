#include "authority_kind.h"

#include <algorithm>

namespace signet::server {
namespace {

constexpr std::int64_t kDay = 24 * 3600;

}  // namespace

AuthoritySchedule AuthoritySchedule::of(std::int64_t issued_at, std::int64_t not_after) {
  const std::int64_t life = not_after - issued_at;
  return {not_after - std::min(life / 2, 30 * kDay), not_after - std::min(life / 6, 7 * kDay)};
}

AuthorityKind::AuthorityKind(AuthorityTools& tools, const Names& names)
    : tools_(tools),
      names_(names),
      current_{.name = "A", .key_id = std::string(names.key_prefix) + "A"},
      next_{.name = "B", .key_id = std::string(names.key_prefix) + "B"} {}

AuthorityState AuthorityKind::state() const {
  AuthorityState state;
  if (active()) state.active = current_.info();
  if (next_.status == Journal::PREPARED) state.prepared = next_.info();
  if (next_.status == Journal::OLD) state.old = next_.info();
  return state;
}

void AuthorityKind::load() {
  Journal journal = tools_.journal.content();
  const Entries& all = entries(journal);
  bool expired = false;
  // The newest entry of a slot is the one that counts.
  for (auto entry = all.rbegin(); entry != all.rend(); ++entry) {
    Slot& slot = entry->slot() == current_.name ? current_ : next_;
    if (slot.status != Journal::UNKNOWN) continue;
    if (entry->not_after() <= tools_.now()) {
      expired = true;
    } else {
      load_slot(slot, *entry);
    }
  }
  if (next_.status == Journal::ACTIVE) std::swap(current_, next_);
  if (!active() && next_.status != Journal::PREPARED && expired) {
    host().warn("Every authority on record has expired; a new one is made", {{"kind", title()}});
  }
}

void AuthorityKind::load_slot(Slot& slot, Entry entry) {
  const BundlePtr bundle = tools_.bundles.own();
  if (bundle) complete(entry, bundle->message);
  slot.authority_id = entry.authority_id();
  slot.upstream_authority_id = entry.upstream_authority_id();
  slot.issued_at = entry.issued_at();
  slot.not_after = entry.not_after();
  if (entry.status() == Journal::OLD) {
    slot.status = Journal::OLD;
    return;
  }
  Status usable;
  Result<AuthorityPtr> authority = AuthorityPtr();
  if (!tools_.journal.key_present(entry)) {
    usable = Status::not_found("its key is gone or another one");
  } else if (!bundle || !published(bundle->message, entry)) {
    usable = Status::not_found("the bundle does not have it");
  } else {
    auto signer = KeyManagerSigner::make(tools_.keys, entry.key_id(), entry.public_key());
    if (signer) authority = restore(entry, *signer);
    usable = signer ? authority.status() : signer.status();
  }
  if (!usable.ok()) {
    host().warn("Authority on record cannot be used", {{"kind", title()},
                                                       {"local_authority_id", slot.authority_id},
                                                       {"slot", slot.name},
                                                       {"reason", usable.message()}});
    return;
  }
  slot.status = entry.status();
  slot.authority = std::move(*authority);
  slot.published = bundle->revision;  // or earlier; nothing knows better any more
  host().info("Authority loaded", {{"kind", title()},
                                   {"slot", slot.name},
                                   {"local_authority_id", slot.authority_id},
                                   Field::time("expiration", slot.not_after)});
}

Status AuthorityKind::rotate(const Publication* publication) {
  if (!active()) {
    // First start, or all that the journal named is gone or expired.
    if (next_.status == Journal::PREPARED) return activate_next();
    return prepare(current_, true);
  }
  if (begins_later(current_)) {
    host().warn(
        "The active authority is not valid yet, so the clock was ahead when it was made; "
        "another one takes over at once",
        {{"kind", title()}, {"local_authority_id", current_.authority_id}});
    if (next_.status != Journal::PREPARED || begins_later(next_)) {
      SIGNET_RETURN_IF_ERROR(prepare_next());
    }
    return activate_next();
  }
  const AuthoritySchedule schedule = AuthoritySchedule::of(current_.issued_at, current_.not_after);
  if (next_.status != Journal::PREPARED && tools_.now() >= schedule.prepare_at) {
    SIGNET_RETURN_IF_ERROR(prepare_next());
  }
  if (next_.status == Journal::PREPARED && tools_.now() >= schedule.activate_at &&
      may_activate(schedule.activate_at, publication)) {
    SIGNET_RETURN_IF_ERROR(activate_next());
  }
  return {};
}

// Published before used: waits for those who lack it, but not for ever.
bool AuthorityKind::may_activate(std::int64_t activate_at, const Publication* publication) {
  const std::int64_t now = tools_.now();
  // One that was prepared by hand after it was due already is as unknown as any new one.
  const std::int64_t due = std::max(activate_at, next_.issued_at);
  const std::int64_t longest =
      std::min<std::int64_t>(tools_.config.activation_wait.count(), (current_.not_after - due) / 2);
  // Federated domains poll; within two of their periods everybody there has asked.
  const bool federated = now >= next_.issued_at + 2 * tools_.config.federation_refresh_hint.count();
  const Publication::Lacking lacking =
      publication != nullptr ? publication->lacking(next_.published) : Publication::Lacking{};
  if (federated && lacking.nobody()) return true;
  const bool over = now >= due + longest;
  if (over || !std::exchange(waiting_told_, true)) {
    host().log(over ? LogLevel::kWarn : LogLevel::kInfo,
               over ? "Authority is activated although not everybody has it"
                    : "Activation waits until everybody has the authority",
               {{"kind", title()},
                {"local_authority_id", next_.authority_id},
                {"agents", lacking.agents},
                {"servers", lacking.servers}});
  }
  return over;
}

// Authorities that wait in a slot which is about to be prepared anew never signed and never will.
BundleEdit AuthorityKind::withdraw_prepared(Journal& journal, const std::string& slot_name) const {
  Entries& all = entries(journal);
  std::vector<Entry> gone;
  for (int i = all.size() - 1; i >= 0; --i) {
    if (all.Get(i).status() != Journal::PREPARED || all.Get(i).slot() != slot_name) continue;
    gone.push_back(all.Get(i));
    all.DeleteSubrange(i, 1);
  }
  return [this, gone = std::move(gone)](Bundle& bundle) -> Result<bool> {
    bool changed = false;
    for (const Entry& entry : gone) changed |= withdraw_from(bundle, entry);
    return changed;
  };
}

Status AuthorityKind::prepare(Slot& slot, bool activate) {
  // The key of this slot is about to be replaced: whatever happens, the old one is gone.
  slot = Slot{.name = slot.name, .key_id = slot.key_id};
  const auto failed = [&](const Status& status) {
    return status.prefixed(std::string("cannot prepare an authority of kind ") + title());
  };
  const auto key = tools_.keys->generate(slot.key_id, key_manager_type(key_type()));
  if (!key) return failed(key.status());
  const auto signer = KeyManagerSigner::make(tools_.keys, slot.key_id, key->public_key);
  if (!signer) return failed(signer.status());

  Entry entry;
  entry.set_slot(slot.name);
  entry.set_issued_at(tools_.now());
  entry.set_status(activate ? Journal::ACTIVE : Journal::PREPARED);
  entry.set_key_id(slot.key_id);
  entry.set_public_key(key->public_key);
  auto made = make(entry, *signer);
  if (!made) return failed(made.status());

  Journal journal = tools_.journal.content();
  const BundleEdit withdraw = withdraw_prepared(journal, slot.name);
  *entries(journal).Add() = entry;
  const Status committed =
      tools_.journal.commit(std::move(journal), [&](Bundle& bundle) -> Result<bool> {
        SIGNET_TRY(const bool withdrawn, withdraw(bundle));
        SIGNET_TRY(const bool added, made->publish(bundle));
        return withdrawn || added;
      });
  if (!committed.ok()) return failed(committed);
  slot.status = entry.status();
  slot.authority_id = entry.authority_id();
  slot.upstream_authority_id = entry.upstream_authority_id();
  slot.issued_at = entry.issued_at();
  slot.not_after = entry.not_after();
  slot.published = tools_.bundles.own()->revision;
  slot.authority = std::move(made->authority);
  waiting_told_ = false;
  host().info("Authority prepared", {{"kind", title()},
                                     {"slot", slot.name},
                                     {"local_authority_id", slot.authority_id},
                                     Field::time("expiration", slot.not_after)});
  host().count(names_.prepared_counter);
  return {};
}

Status AuthorityKind::activate_next() {
  Journal journal = tools_.journal.content();
  for (Entry& entry : entries(journal)) {
    if (entry.authority_id() == next_.authority_id) {
      entry.set_status(Journal::ACTIVE);
    } else if (entry.status() == Journal::ACTIVE) {
      entry.set_status(Journal::OLD);
    }
  }
  SIGNET_RETURN_IF_ERROR(tools_.journal.commit(std::move(journal), {}));
  std::swap(current_, next_);
  current_.status = Journal::ACTIVE;
  if (next_.status == Journal::ACTIVE) next_.status = Journal::OLD;
  next_.authority = nullptr;
  host().info("Authority activated", {{"kind", title()},
                                      {"slot", current_.name},
                                      {"local_authority_id", current_.authority_id},
                                      Field::time("expiration", current_.not_after)});
  host().count(names_.activated_counter);
  return {};
}

Status AuthorityKind::taint(const std::string& authority_id) {
  return tools_.bundles.change_own([&](Bundle& bundle) { return taint_in(bundle, authority_id); });
}

Status AuthorityKind::revoke(const std::string& authority_id) {
  return tools_.bundles.change_own([&](Bundle& bundle) { return revoke_in(bundle, authority_id); });
}

Status AuthorityKind::retire() {
  Journal journal = tools_.journal.content();
  const BundleEdit withdraw_a = withdraw_prepared(journal, current_.name);
  const BundleEdit withdraw_b = withdraw_prepared(journal, next_.name);
  for (Entry& entry : entries(journal)) {
    if (entry.status() == Journal::ACTIVE) entry.set_status(Journal::OLD);
  }
  SIGNET_RETURN_IF_ERROR(
      tools_.journal.commit(std::move(journal), [&](Bundle& bundle) -> Result<bool> {
        SIGNET_TRY(const bool a, withdraw_a(bundle));
        SIGNET_TRY(const bool b, withdraw_b(bundle));
        return a || b;
      }));
  for (Slot* slot : {&current_, &next_}) {
    if (slot->status == Journal::ACTIVE) slot->status = Journal::OLD;
    if (slot->status == Journal::PREPARED) *slot = Slot{.name = slot->name, .key_id = slot->key_id};
    slot->authority = nullptr;
  }
  return {};
}

}  // namespace signet::server
