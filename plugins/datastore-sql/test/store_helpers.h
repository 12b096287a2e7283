// Short ways to say common things to a Store in a test.
#pragma once

#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "store.h"

namespace signet::datastore_sql {

inline constexpr std::chrono::seconds kWait{10};

struct OwnedRecord {
  std::string kind;
  std::string id;
  std::string body;
  std::uint64_t row = 0;
  std::uint64_t revision = 0;
  std::int64_t expires_at = 0;
};

struct OwnedChange {
  std::string what;  // "entry/a" or "-entry/a" when deleted
  std::uint64_t revision = 0;
  bool operator==(const OwnedChange&) const = default;
};

using Keys = std::vector<std::pair<std::string, std::string>>;

inline std::vector<IndexKey> views(const Keys& keys) {
  std::vector<IndexKey> out;
  for (const auto& [name, value] : keys) out.push_back({name, value});
  return out;
}

inline std::unique_ptr<Transaction> must_begin(Store& store, Mode mode) {
  auto tx = store.begin(mode, kWait);
  if (!tx) std::abort();
  return std::move(*tx);
}

inline Status put(Transaction& tx, const std::string& kind, const std::string& id,
                  const std::string& body, std::int64_t if_revision = kRevisionAny,
                  const Keys& keys = {}, std::int64_t expires_at = 0, Stored* out = nullptr) {
  const auto index = views(keys);
  const NewRecord record = {kind, id, if_revision, expires_at, index, body};
  Stored stored;
  Status done = tx.put({&record, 1}, {&stored, 1});
  if (out) *out = stored;
  return done;
}

/// One record in a commit of its own; its revision, or 0.
inline std::uint64_t put_alone(Store& store, const std::string& kind, const std::string& id,
                               const std::string& body = "body", const Keys& keys = {}) {
  auto tx = must_begin(store, Mode::kWrite);
  if (!put(*tx, kind, id, body, kRevisionAny, keys).ok()) return 0;
  auto revision = tx->commit();
  return revision ? *revision : 0;
}

inline Result<std::uint64_t> erase_alone(Store& store, const std::string& kind,
                                         const std::string& id) {
  auto tx = must_begin(store, Mode::kWrite);
  SIGNET_RETURN_IF_ERROR(tx->erase(kind, id));
  return tx->commit();
}

inline OwnedRecord owned(const RecordView& r) {
  return {std::string(r.kind), std::string(r.id), std::string(r.body), r.row,
          r.revision,          r.expires_at};
}

inline Result<OwnedRecord> get(Transaction& tx, const std::string& kind, const std::string& id) {
  OwnedRecord out;
  SIGNET_RETURN_IF_ERROR(tx.get(kind, id, [&](const RecordView& record) {
    out = owned(record);
    return Status();
  }));
  return out;
}

inline Result<OwnedRecord> get_alone(Store& store, const std::string& kind, const std::string& id) {
  return get(*must_begin(store, Mode::kRead), kind, id);
}

inline std::vector<std::string> ids(Transaction& tx, const Query& query) {
  std::vector<std::string> out;
  const Status done = tx.query(query, [&](const RecordView& record) {
    out.emplace_back(record.id);
    return Status();
  });
  if (!done.ok()) out = {done.to_string()};
  return out;
}

inline Result<std::vector<OwnedChange>> changes(Store& store, std::uint64_t since,
                                                std::uint32_t limit = 0) {
  std::vector<OwnedChange> out;
  SIGNET_RETURN_IF_ERROR(store.changes(since, limit, kWait, [&](const ChangeView& change) {
    out.push_back(
        {(change.deleted ? "-" : "") + std::string(change.kind) + "/" + std::string(change.id),
         change.revision});
    return Status();
  }));
  return out;
}

}  // namespace signet::datastore_sql
