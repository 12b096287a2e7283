#include "entry_sync.h"

#include <algorithm>
#include <unordered_set>

#include "wire.h"

namespace signet::agent {

Result<EntrySync::Changes> EntrySync::run(ServerApi& server) {
  if (by_revision_) return run_by_revision(server);
  entry_v1::GetAuthorizedEntriesRequest request;
  *request.mutable_output_mask() = entry_mask();
  SIGNET_TRY(const auto answer, server.authorized_entries(request));
  return replace_all(answer.entries());
}

Result<EntrySync::Changes> EntrySync::run_by_revision(ServerApi& server) {
  entry_v1::SyncAuthorizedEntriesRequest first;
  *first.mutable_output_mask() = entry_mask();
  SIGNET_TRY(const auto stream, server.sync_entries(first));
  SIGNET_TRY(auto message, stream->read());
  if (message.entry_revisions().empty()) return replace_all(message.entries());

  // The first page's length tells how many the server likes to send at once.
  const auto page = static_cast<std::size_t>(message.entry_revisions_size());
  Changes changes;
  const std::size_t had = entries_.size();
  std::unordered_set<const Entry*> kept;
  kept.reserve(had);
  std::vector<std::string> wanted;  // missing or stale
  while (true) {
    if (!message.entries().empty())
      return Status::internal("unexpected entry in response receiving entry revisions");
    for (const auto& revision : message.entry_revisions()) {
      const auto known = entries_.find(revision.id());
      if (known == entries_.end()) {
        ++changes.missing;
        wanted.push_back(revision.id());
        continue;
      }
      kept.insert(known->second.get());
      if (known->second->revision_number != revision.revision_number() ||
          (revision.created_at() != 0 && known->second->created_at != revision.created_at())) {
        ++changes.stale;
        wanted.push_back(revision.id());
      }
    }
    if (!message.more()) break;
    SIGNET_TRY(message, stream->read());
  }
  // What is gone is dropped at the end only, but found now, as long as `kept` points at what is.
  std::vector<std::string> gone;
  if (kept.size() < had) {
    for (const auto& [id, entry] : entries_) {
      if (!kept.contains(entry.get())) gone.push_back(id);
    }
  }
  std::sort(wanted.begin(), wanted.end());
  for (std::size_t at = 0; at < wanted.size();) {
    entry_v1::SyncAuthorizedEntriesRequest request;
    for (const std::size_t end = std::min(at + page, wanted.size()); at < end; ++at)
      request.add_ids(wanted[at]);
    SIGNET_RETURN_IF_ERROR(stream->send(request));
    do {
      SIGNET_TRY(message, stream->read());
      if (!message.entry_revisions().empty())
        return Status::internal("unexpected entry revisions in response while requesting entries");
      for (const types::Entry& wire : message.entries()) {
        if (take(wire, entries_)) ++version_;
      }
    } while (message.more());
  }
  for (const std::string& id : gone) changes.dropped += entries_.erase(id);
  if (changes.dropped > 0) ++version_;
  return changes;
}

Result<EntrySync::Changes> EntrySync::replace_all(
    const google::protobuf::RepeatedPtrField<types::Entry>& entries) {
  EntryMap next;
  Changes changes;
  for (const types::Entry& wire : entries) {
    const auto known = entries_.find(wire.id());
    if (!take(wire, next)) continue;
    const auto taken = next.find(wire.id());
    if (known == entries_.end()) {
      ++changes.missing;
    } else if (*known->second == *taken->second) {
      taken->second = known->second;
    } else {
      ++changes.stale;
    }
  }
  for (const auto& known : entries_) changes.dropped += next.contains(known.first) ? 0 : 1;
  entries_ = std::move(next);
  if (changes.missing + changes.stale + changes.dropped > 0) ++version_;
  return changes;
}

bool EntrySync::take(const types::Entry& wire, EntryMap& into) {
  Result<EntryPtr> entry = entry_from_wire(wire);
  if (!entry) {
    host_.warn("Received malformed entry from SPIRE server; are the SPIRE versions compatible?",
               {{"entry_id", wire.id()}, {"error", entry.status().message()}});
    return false;
  }
  into[wire.id()] = std::move(*entry);
  return true;
}

}  // namespace signet::agent
