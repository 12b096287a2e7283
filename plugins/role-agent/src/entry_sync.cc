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
  Changes ignored;  // they are counted already
  for (std::size_t at = 0; at < wanted.size();) {
    entry_v1::SyncAuthorizedEntriesRequest request;
    for (const std::size_t end = std::min(at + page, wanted.size()); at < end; ++at)
      request.add_ids(wanted[at]);
    SIGNET_RETURN_IF_ERROR(stream->send(request));
    do {
      SIGNET_TRY(message, stream->read());
      if (!message.entry_revisions().empty())
        return Status::internal("unexpected entry revisions in response while requesting entries");
      for (const types::Entry& wire : message.entries()) take(wire, ignored);
    } while (message.more());
  }
  for (const std::string& id : gone) changes.dropped += drop(id);
  return changes;
}

Result<EntrySync::Changes> EntrySync::replace_all(
    const google::protobuf::RepeatedPtrField<types::Entry>& entries) {
  Changes changes;
  std::unordered_set<std::string_view> kept;
  for (const types::Entry& wire : entries) {
    take(wire, changes);
    kept.insert(wire.id());
  }
  std::vector<std::string> gone;
  for (const auto& [id, entry] : entries_) {
    if (!kept.contains(id)) gone.push_back(id);
  }
  for (const std::string& id : gone) changes.dropped += drop(id);
  return changes;
}

EntrySync::Changes EntrySync::apply(const delivery_v1::FollowResponse& told) {
  Changes changes;
  for (const types::Entry& wire : told.entries()) take(wire, changes);
  for (const std::string& id : told.gone()) changes.dropped += drop(id);
  return changes;
}

// An entry keeps its pointer until it changes. One that became malformed is no longer served.
void EntrySync::take(const types::Entry& wire, Changes& changes) {
  Result<EntryPtr> entry = entry_from_wire(wire);
  if (!entry) {
    host_.warn("Received malformed entry from SPIRE server; are the SPIRE versions compatible?",
               {{"entry_id", wire.id()}, {"error", entry.status().message()}});
    changes.dropped += drop(wire.id());
    return;
  }
  EntryPtr& known = entries_[wire.id()];
  if (known && *known == **entry) return;
  ++(known ? changes.stale : changes.missing);
  if (known) unnote(*known);
  known = std::move(*entry);
  note(*known);
  changes_[wire.id()] = known;
}

bool EntrySync::drop(const std::string& id) {
  const auto known = entries_.find(id);
  if (known == entries_.end()) return false;
  unnote(*known->second);
  changes_[id] = nullptr;
  entries_.erase(known);
  return true;
}

void EntrySync::note(const Entry& entry) {
  for (const std::string& name : entry.federates_with) ++federates_with_[name];
  if (entry.expires_at != 0) expiries_.insert(entry.expires_at);
}

void EntrySync::unnote(const Entry& entry) {
  for (const std::string& name : entry.federates_with) {
    const auto count = federates_with_.find(name);
    if (--count->second == 0) federates_with_.erase(count);
  }
  if (entry.expires_at != 0) expiries_.extract(entry.expires_at);
}

}  // namespace signet::agent
