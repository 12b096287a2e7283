#include "authority_journal.h"

#include <algorithm>

#include "crypto/random.h"

namespace signet::server {
namespace {

constexpr int kMaxEntries = 10;  // per kind; SPIRE keeps as many

void trim(AuthorityJournal::Entries& entries) {
  if (entries.size() > kMaxEntries) entries.DeleteSubrange(0, entries.size() - kMaxEntries);
}

bool ended(const AuthorityJournal::Content& content, std::int64_t before) {
  const auto all = [before](const AuthorityJournal::Entries& entries) {
    return std::all_of(entries.begin(), entries.end(),
                       [before](const auto& entry) { return entry.not_after() < before; });
  };
  return all(content.x509()) && all(content.jwt()) && all(content.wit());
}

}  // namespace

bool AuthorityJournal::key_present(const Entry& entry) const {
  const auto at = keys_.find(entry.key_id());
  return at != keys_.end() && at->second == entry.public_key();
}

Status AuthorityJournal::load(const std::vector<KeyInfo>& keys) {
  for (const KeyInfo& key : keys) keys_[key.key_id] = key.public_key;
  SIGNET_TRY(auto tx, datastore_.read());
  SIGNET_TRY(const std::vector<Record> records, tx.query({.kind = "journal", .where = {}}));
  for (const Record& record : records) {
    Content content;
    if (!content.ParseFromString(record.body)) {
      host_.error("Stored authority journal is malformed", {{"journal_id", record.id}});
      continue;
    }
    const auto ours = [&](const Entries& entries) {
      return std::any_of(entries.begin(), entries.end(),
                         [&](const Entry& entry) { return key_present(entry); });
    };
    if (ours(content.x509()) || ours(content.jwt()) || ours(content.wit())) {
      id_ = record.id;
      content_ = std::move(content);
      found_ = true;
      return {};
    }
  }
  id_ = crypto::random_uuid();
  host_.info("No authority of this server's keys is on record; new ones will be made");
  return {};
}

Status AuthorityJournal::commit(Content content, const BundleEdit& edit) {
  trim(*content.mutable_x509());
  trim(*content.mutable_jwt());
  trim(*content.mutable_wit());
  SIGNET_TRY(auto tx, datastore_.write());
  std::optional<Record> bundle;
  if (edit) {
    SIGNET_TRY(bundle, bundles_.change_own_in(tx, edit));
  }
  Record record;
  record.kind = "journal";
  record.id = id_;
  record.body = content.SerializeAsString();
  SIGNET_RETURN_IF_ERROR(tx.put(record));
  SIGNET_TRY(const std::uint64_t revision, tx.commit());
  if (bundle) bundles_.committed(*bundle, revision);
  changes_.committed(revision);
  content_ = std::move(content);
  return {};
}

// In one transaction, so that a server that starts meanwhile finds its journal or none.
Result<std::size_t> prune_journals(const Datastore& datastore, std::int64_t before) {
  const auto old_ones = [before](Transaction& tx) -> Result<std::vector<Record>> {
    SIGNET_TRY(std::vector<Record> records, tx.query({.kind = "journal", .where = {}}));
    std::erase_if(records, [before](const Record& record) {
      AuthorityJournal::Content content;
      return !content.ParseFromString(record.body) || !ended(content, before);
    });
    return records;
  };
  {
    SIGNET_TRY(auto look, datastore.read());
    SIGNET_TRY(const std::vector<Record> some, old_ones(look));
    if (some.empty()) return std::size_t{0};
  }
  SIGNET_TRY(auto tx, datastore.write());
  SIGNET_TRY(const std::vector<Record> old, old_ones(tx));
  for (const Record& record : old) SIGNET_RETURN_IF_ERROR(tx.erase("journal", record.id));
  SIGNET_RETURN_IF_ERROR(tx.commit().status());
  return old.size();
}

}  // namespace signet::server
