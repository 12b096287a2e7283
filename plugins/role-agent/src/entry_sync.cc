#include "entry_sync.h"

#include <algorithm>
#include <set>

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
  std::set<std::string, std::less<>> there;
  std::vector<std::string> wanted;
  while (true) {
    if (!message.entries().empty())
      return Status::internal("unexpected entry in response receiving entry revisions");
    for (const auto& revision : message.entry_revisions()) {
      there.insert(revision.id());
      const auto known = entries_.find(revision.id());
      if (known == entries_.end()) {
        ++changes.missing;
        wanted.push_back(revision.id());
      } else if (known->second->revision_number != revision.revision_number() ||
                 (revision.created_at() != 0 &&
                  known->second->created_at != revision.created_at())) {
        ++changes.stale;
        wanted.push_back(revision.id());
      }
    }
    if (!message.more()) break;
    SIGNET_TRY(message, stream->read());
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
      for (const types::Entry& wire : message.entries()) take(wire, entries_);
    } while (message.more());
  }
  changes.dropped =
      std::erase_if(entries_, [&](const auto& known) { return !there.contains(known.first); });
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
