// Authorities, continued: the journal, that is how they survive a restart.
//
// A server finds its own record among those of all servers by the keys that its key manager
// holds. An authority whose key is gone or replaced, which has expired, or which is not in the
// bundle is of no use and is left behind.

#include <algorithm>
#include <map>

#include "authorities.h"
#include "crypto/encoding.h"
#include "crypto/random.h"
#include "key_manager_signer.h"

namespace signet::server {
namespace {

constexpr int kMaxJournalEntries = 10;  // per kind; SPIRE keeps as many

using KeyMap = std::map<std::string, std::string>;  // key ID -> SubjectPublicKeyInfo

KeyMap key_map(const std::vector<KeyInfo>& keys) {
  KeyMap map;
  for (const KeyInfo& key : keys) map[key.key_id] = key.public_key;
  return map;
}

template <typename Entry>
bool key_present(const KeyMap& keys, const Entry& entry) {
  const auto at = keys.find(entry.key_id());
  return at != keys.end() && at->second == entry.public_key();
}

template <typename List>
void trim(List& list) {
  if (list.size() > kMaxJournalEntries) {
    list.DeleteSubrange(0, list.size() - kMaxJournalEntries);
  }
}

}  // namespace

Status Authorities::commit(Journal journal,
                           const std::function<Result<bool>(spire::api::types::Bundle&)>& edit) {
  trim(*journal.mutable_x509());
  trim(*journal.mutable_jwt());
  SIGNET_TRY(auto tx, datastore_.write());
  std::optional<Record> bundle;
  if (edit) {
    SIGNET_TRY(bundle, bundles_.change_own_in(tx, edit));
  }
  Record record;
  record.kind = "journal";
  record.id = journal_id_;
  record.body = journal.SerializeAsString();
  SIGNET_RETURN_IF_ERROR(tx.put(record));
  SIGNET_TRY(const std::uint64_t revision, tx.commit());
  if (bundle) bundles_.committed(*bundle, revision);
  changes_.committed(revision);
  journal_ = std::move(journal);
  return {};
}

Status Authorities::load() {
  x509_kind_.current = {.name = "A", .key_id = "x509-CA-A"};
  x509_kind_.next = {.name = "B", .key_id = "x509-CA-B"};
  jwt_kind_.current = {.name = "A", .key_id = "JWT-Signer-A"};
  jwt_kind_.next = {.name = "B", .key_id = "JWT-Signer-B"};
  SIGNET_TRY(const std::vector<KeyInfo> keys, keys_->list());
  const KeyMap map = key_map(keys);

  SIGNET_TRY(auto tx, datastore_.read());
  SIGNET_TRY(const std::vector<Record> records, tx.query({.kind = "journal", .where = {}}));
  for (const Record& record : records) {
    Journal journal;
    if (!journal.ParseFromString(record.body)) {
      host_.error("Stored authority journal is malformed", {{"journal_id", record.id}});
      continue;
    }
    const auto ours = [&](const auto& entry) { return key_present(map, entry); };
    if (std::any_of(journal.x509().begin(), journal.x509().end(), ours) ||
        std::any_of(journal.jwt().begin(), journal.jwt().end(), ours)) {
      journal_id_ = record.id;
      journal_ = std::move(journal);
      break;
    }
  }
  if (journal_id_.empty()) {
    journal_id_ = crypto::random_uuid();
    host_.info("No authority of this server's keys is on record; new ones will be made");
    return {};
  }
  load_x509(keys);
  if (!config_.disable_jwt_svids) load_jwt(keys);
  return {};
}

void Authorities::load_x509(const std::vector<KeyInfo>& keys) {
  const KeyMap map = key_map(keys);
  const BundlePtr bundle = bundles_.own();
  const auto published = [&](const std::string& der) {
    return bundle && std::any_of(bundle->message.x509_authorities().begin(),
                                 bundle->message.x509_authorities().end(),
                                 [&](const auto& a) { return a.asn1() == der; });
  };
  // The newest entry of a slot is the one that counts.
  for (auto entry = journal_.x509().rbegin(); entry != journal_.x509().rend(); ++entry) {
    Slot& slot = entry->slot() == "A" ? x509_kind_.current : x509_kind_.next;
    if (slot.status != Journal::UNKNOWN || entry->not_after() <= now()) continue;
    slot.authority_id = entry->authority_id();
    slot.issued_at = entry->issued_at();
    slot.not_after = entry->not_after();
    if (entry->status() == Journal::OLD) {
      slot.status = Journal::OLD;
      continue;
    }
    if (!key_present(map, *entry) || !published(entry->certificate())) {
      host_.warn(
          "X.509 authority on record cannot be used: its key or its place in the bundle is gone",
          {{"local_authority_id", entry->authority_id()}, {"slot", entry->slot()}});
      continue;
    }
    auto certificate = x509::Certificate::parse(crypto::as_bytes(entry->certificate()));
    auto signer = KeyManagerSigner::make(keys_, entry->key_id(), entry->public_key());
    if (!certificate || !signer) continue;
    auto issuer = x509::SvidIssuer::make(*certificate, *signer);
    if (!issuer) {
      host_.log_status(LogLevel::kWarn, "X.509 authority on record cannot be used",
                       issuer.status());
      continue;
    }
    slot.status = entry->status();
    slot.x509 = std::make_shared<const X509Authority>(
        X509Authority{entry->authority_id(),
                      *certificate,
                      {entry->upstream_chain().begin(), entry->upstream_chain().end()},
                      std::move(*issuer),
                      entry->not_after()});
    host_.info("X.509 authority loaded", {{"slot", slot.name},
                                          {"local_authority_id", slot.authority_id},
                                          Field::time("expiration", slot.not_after)});
  }
  if (x509_kind_.next.status == Journal::ACTIVE) std::swap(x509_kind_.current, x509_kind_.next);
}

void Authorities::load_jwt(const std::vector<KeyInfo>& keys) {
  const KeyMap map = key_map(keys);
  const BundlePtr bundle = bundles_.own();
  const auto published = [&](const std::string& key_id) {
    return bundle && std::any_of(bundle->message.jwt_authorities().begin(),
                                 bundle->message.jwt_authorities().end(),
                                 [&](const auto& a) { return a.key_id() == key_id; });
  };
  for (auto entry = journal_.jwt().rbegin(); entry != journal_.jwt().rend(); ++entry) {
    Slot& slot = entry->slot() == "A" ? jwt_kind_.current : jwt_kind_.next;
    if (slot.status != Journal::UNKNOWN || entry->not_after() <= now()) continue;
    slot.authority_id = entry->authority_id();
    slot.issued_at = entry->issued_at();
    slot.not_after = entry->not_after();
    if (entry->status() == Journal::OLD) {
      slot.status = Journal::OLD;
      continue;
    }
    auto signer = KeyManagerSigner::make(keys_, entry->key_id(), entry->public_key());
    if (!key_present(map, *entry) || !published(entry->authority_id()) || !signer) {
      host_.warn(
          "JWT authority on record cannot be used: its key or its place in the bundle is gone",
          {{"local_authority_id", entry->authority_id()}, {"slot", entry->slot()}});
      continue;
    }
    slot.status = entry->status();
    slot.jwt = std::make_shared<const JwtAuthority>(
        JwtAuthority{entry->authority_id(), *signer, entry->not_after()});
    host_.info("JWT authority loaded", {{"slot", slot.name},
                                        {"local_authority_id", slot.authority_id},
                                        Field::time("expiration", slot.not_after)});
  }
  if (jwt_kind_.next.status == Journal::ACTIVE) std::swap(jwt_kind_.current, jwt_kind_.next);
}

}  // namespace signet::server
