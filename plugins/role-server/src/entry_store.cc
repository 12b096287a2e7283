#include "entry_store.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include "crypto/random.h"
#include "entry_validation.h"

namespace signet::server {
namespace {

using spire::api::types::Entry;

constexpr uint32_t kAllFields = ~uint32_t{0};

Status prefixed_sql(const Status& status) {
  return status.ok() ? status : status.prefixed("datastore-sql");
}

// SPIRE's federates_with is a join table: a bundle has to be there.
Status check_federated_bundles(Transaction& tx, const Entry& entry) {
  for (const std::string& name : entry.federates_with()) {
    const Result<Record> bundle = tx.get("bundle", name);
    if (bundle) continue;
    if (bundle.status().code() != Code::kNotFound) return prefixed_sql(bundle.status());
    return Status::internal("unable to find federated bundle \"spiffe://" + name + "\"");
  }
  return {};
}

// All of a batch failed together: the transaction could not be begun or committed.
void fail_good(std::vector<Result<StoredEntry>>& results, const Status& status) {
  for (auto& result : results) {
    if (result.ok() && !result->existed) result = prefixed_sql(status);
  }
}

}  // namespace

Result<StoredEntry> EntryStore::create_in(Transaction& tx, Entry entry) {
  SIGNET_RETURN_IF_ERROR(check_for_creation(entry));
  SIGNET_TRY(const std::vector<Record> similar, tx.query(similar_entry_query(entry)));
  if (!similar.empty()) {
    SIGNET_TRY(Entry stored, entry_from_record(similar.front()));
    return StoredEntry{std::move(stored), true};
  }
  SIGNET_RETURN_IF_ERROR(check_duplicates(entry));
  SIGNET_RETURN_IF_ERROR(check_federated_bundles(tx, entry));
  if (entry.id().empty()) entry.set_id(crypto::ordered_uuid(host_.wall_ns() / 1'000'000));
  entry.set_revision_number(0);
  entry.set_created_at(host_.unix_seconds());
  Record record = entry_to_record(entry);
  record.if_revision = SIGNET_REVISION_ABSENT;
  if (Status put = tx.put(record); !put.ok()) {
    if (put.code() == Code::kAlreadyExists) {
      return Status::already_exists(
          "datastore-sql: UNIQUE constraint failed: registered_entries.entry_id");
    }
    return prefixed_sql(put);
  }
  return StoredEntry{std::move(entry), false};
}

// A batch is one transaction, in which each entry fails for itself.
template <typename Write>
std::vector<Result<StoredEntry>> EntryStore::write_all(std::span<const Result<Entry>> entries,
                                                       Write write) {
  std::vector<Result<StoredEntry>> results;
  results.reserve(entries.size());
  Result<Transaction> tx = datastore_.write();
  for (const Result<Entry>& entry : entries) {
    if (!entry) {
      results.emplace_back(entry.status());
    } else if (!tx) {
      results.emplace_back(prefixed_sql(tx.status()));
    } else {
      results.push_back(write(*tx, *entry));
    }
  }
  if (!tx) return results;
  const Result<uint64_t> revision = tx->commit();
  if (!revision) {
    fail_good(results, revision.status());
    return results;
  }
  // In order: an entry that stands twice in a batch ends as its last item says.
  for (const auto& result : results) {
    if (result.ok() && !result->existed) index_.apply(result->entry, *revision);
  }
  changes_.committed(*revision);
  return results;
}

std::vector<Result<StoredEntry>> EntryStore::create(std::span<const Result<Entry>> entries) {
  return write_all(entries,
                   [this](Transaction& tx, const Entry& entry) { return create_in(tx, entry); });
}

Result<Entry> EntryStore::rewrite_in(Transaction& tx, Entry entry) {
  entry.set_revision_number(entry.revision_number() + 1);
  Record record = entry_to_record(entry);
  SIGNET_RETURN_IF_ERROR(prefixed_sql(tx.put(record)));
  return entry;
}

Result<StoredEntry> EntryStore::update_in(Transaction& tx, const Entry& entry, uint32_t fields) {
  SIGNET_RETURN_IF_ERROR(check_for_store(entry, fields));
  SIGNET_RETURN_IF_ERROR(check_duplicates(entry));
  const Result<Record> record = tx.get(kEntryKind, entry.id());
  if (!record) return prefixed_sql(record.status());
  SIGNET_TRY(Entry stored, entry_from_record(*record));
  // Field by field, so that what the mask leaves out stays, unknown fields too.
  const auto* descriptor = Entry::descriptor();
  const auto* reflection = Entry::GetReflection();
  for (int n = 0; n < descriptor->field_count(); ++n) {
    const auto* field = descriptor->field(n);
    const int number = field->number();
    if ((fields >> number & 1u) == 0 || number == Entry::kIdFieldNumber ||
        number == Entry::kRevisionNumberFieldNumber || number == Entry::kCreatedAtFieldNumber) {
      continue;
    }
    reflection->ClearField(&stored, field);
  }
  Entry update = entry;
  for (const int number :
       {Entry::kIdFieldNumber, Entry::kRevisionNumberFieldNumber, Entry::kCreatedAtFieldNumber}) {
    reflection->ClearField(&update, descriptor->FindFieldByNumber(number));
  }
  stored.MergeFrom(update);
  SIGNET_RETURN_IF_ERROR(check_federated_bundles(tx, stored));
  SIGNET_TRY(Entry written, rewrite_in(tx, std::move(stored)));
  return StoredEntry{std::move(written), false};
}

std::vector<Result<StoredEntry>> EntryStore::update(std::span<const Result<Entry>> entries,
                                                    uint32_t fields) {
  return write_all(entries, [this, fields](Transaction& tx, const Entry& entry) {
    return update_in(tx, entry, fields);
  });
}

std::vector<Status> EntryStore::remove(const std::vector<std::string>& ids) {
  std::vector<Status> results;
  results.reserve(ids.size());
  Result<Transaction> tx = datastore_.write();
  for (const std::string& id : ids) {
    if (id.empty()) {
      results.push_back(Status::invalid_argument("missing entry ID"));
    } else {
      results.push_back(tx ? tx->erase(kEntryKind, id) : tx.status());
    }
  }
  if (!tx) return results;
  const Result<uint64_t> revision = tx->commit();
  for (std::size_t n = 0; n < ids.size(); ++n) {
    if (!results[n].ok()) continue;
    if (revision) {
      index_.erase(ids[n], *revision);
    } else {
      results[n] = revision.status();
    }
  }
  if (revision) changes_.committed(*revision);
  return results;
}

Result<Entry> EntryStore::get(std::string_view id) const {
  SIGNET_TRY(Transaction tx, datastore_.read());
  SIGNET_TRY(const Record record, tx.get(kEntryKind, id));
  return entry_from_record(record);
}

Result<uint64_t> EntryStore::count(const Query& query) const {
  SIGNET_TRY(Transaction tx, datastore_.read());
  return tx.count(query);
}

Result<EntryStore::Page> EntryStore::list(const Query& query) const {
  SIGNET_TRY(Transaction tx, datastore_.read());
  Page page;
  Entry scratch;
  SIGNET_RETURN_IF_ERROR(tx.for_each(query, [&](const signet_record& r) {
    page.last_row = r.row;
    const std::string_view encoded = encoded_entry(view(r.body), scratch);
    if (encoded.empty()) {
      host_.error("Skipping a stored entry that cannot be read", {{"entry_id", view(r.id)}});
    } else {
      page.encoded.emplace_back(encoded);
    }
  }));
  return page;
}

Result<EntryDirectory::Privileges> stored_privileges(Transaction& tx, const std::string& spiffe_id,
                                                     int64_t now) {
  EntryDirectory::Privileges out;
  Query query;
  query.kind = kEntryKind;
  for (const char* privilege : {"admin", "downstream"}) {
    query.where = {{"spiffe_id", spiffe_id}, {privilege, "1"}};
    SIGNET_TRY(const std::vector<Record> records, tx.query(query));
    for (const Record& record : records) {
      if (expired_at(record.expires_at, now)) continue;
      SIGNET_TRY(Entry entry, entry_from_record(record));
      out.admin = out.admin || entry.admin();
      if (entry.downstream() && !out.downstream) {
        out.downstream = std::make_shared<const Entry>(std::move(entry));
      }
    }
  }
  return out;
}

Result<std::size_t> EntryStore::prune(int64_t now) {
  constexpr uint32_t kAtOnce = 1000;  // so that a writer in between does not wait long
  std::size_t pruned = 0;
  while (true) {
    Query expired;
    expired.kind = kEntryKind;
    expired.expires_before = now;
    expired.limit = kAtOnce;
    expired.headers_only = true;
    SIGNET_TRY(Transaction tx, datastore_.write());
    SIGNET_TRY(const std::vector<Record> records, tx.query(expired));
    for (const Record& record : records) SIGNET_RETURN_IF_ERROR(tx.erase(kEntryKind, record.id));
    SIGNET_TRY(const uint64_t revision, tx.commit());
    for (const Record& record : records) index_.erase(record.id, revision);
    if (!records.empty()) changes_.committed(revision);
    pruned += records.size();
    if (records.size() < kAtOnce) return pruned;
  }
}

}  // namespace signet::server
