// EntryIndex, as far as it takes over what the datastore has: all of it, or one change.
#include <mutex>
#include <utility>

#include "entry_index.h"
#include "entry_record.h"

namespace signet::server {
namespace {

// How many deletions are remembered: more than can be under way between a read and its use.
constexpr std::size_t kErasedKept = 4096;

}  // namespace

// What is known stays until the end: whoever asks meanwhile must not find half of the entries.
Status EntryIndex::reload(Transaction& tx) {
  {
    std::unique_lock lock(mutex_);
    ++generation_;
    erased_.clear();
    erased_order_.clear();
  }
  Query all;
  all.kind = kEntryKind;
  spire::api::types::Entry scratch;
  SIGNET_RETURN_IF_ERROR(tx.for_each(all, [&](const signet_record& r) {
    EntryParts parts;
    const std::string_view encoded = encoded_entry(view(r.body), scratch);
    if (encoded.empty() || !read_entry(encoded, parts) || parts.id != view(r.id)) {
      host_.error("Skipping a stored entry that cannot be read", {{"entry_id", view(r.id)}});
      return;
    }
    std::unique_lock lock(mutex_);
    load(encoded, parts, r.revision);
  }));
  std::unique_lock lock(mutex_);
  std::vector<std::string> gone;
  entries_.for_each([&](const IndexedEntry& entry) {
    if (entry.generation_ != generation_) gone.emplace_back(entry.id());
  });
  for (const std::string& id : gone) remove(id);
  return {};
}

void EntryIndex::load(std::string_view encoded, const EntryParts& parts, uint64_t revision) {
  IndexedEntry* const known = entries_.find(parts.id);
  if (known != nullptr && known->revision_ == revision) {
    known->generation_ = generation_;
  } else {
    insert(encoded, parts, revision);
  }
}

uint64_t EntryIndex::erased_at(std::string_view id) const {
  const auto it = erased_.find(id);
  return it == erased_.end() ? 0 : it->second;
}

bool EntryIndex::knows(const Change& change) const {
  std::shared_lock lock(mutex_);
  if (const IndexedEntry* entry = entries_.find(change.id))
    return entry->revision_ >= change.revision;
  return erased_at(change.id) >= change.revision;
}

void EntryIndex::apply(const Record& record) {
  Result<spire::api::types::Entry> entry = entry_from_record(record);
  if (!entry) {
    host_.log_status(LogLevel::kError, "Skipping a stored entry", entry.status());
    return;
  }
  apply(*entry, record.revision);
}

void EntryIndex::apply(const spire::api::types::Entry& entry, uint64_t revision) {
  const std::string encoded = entry.SerializeAsString();
  EntryParts parts;
  if (!read_entry(encoded, parts)) return;  // never: it was encoded here
  std::unique_lock lock(mutex_);
  const IndexedEntry* const known = entries_.find(parts.id);
  if (known != nullptr ? known->revision_ >= revision : erased_at(parts.id) > revision) return;
  insert(encoded, parts, revision);
}

void EntryIndex::erase(std::string_view id, uint64_t revision) {
  std::unique_lock lock(mutex_);
  const IndexedEntry* const known = entries_.find(id);
  if (known != nullptr && known->revision_ > revision) return;
  remove(id);
  if (erased_.insert_or_assign(std::string(id), revision).second) erased_order_.emplace_back(id);
  if (erased_order_.size() > kErasedKept) {
    erased_.erase(erased_order_.front());
    erased_order_.pop_front();
  }
}

}  // namespace signet::server
