// EntryIndex: whom a change of an entry concerns.
#include <algorithm>
#include <mutex>
#include <unordered_set>

#include "entry_index.h"

namespace signet::server {
namespace {

// As many entries below a node alias are named to those whom a change of it concerns; of more they
// are told to ask.
constexpr std::size_t kMostBelow = 100;

}  // namespace

// Says whom a change of this entry, which is in the index, concerns: the agents above it. Upwards,
// as in is_below(), but without asking what has expired: that is found out when they are told.
void EntryIndex::tell(const IndexedEntry& entry) const {
  if (watcher_ == nullptr || !watcher_->watching()) return;
  const bool has_children = entry.self_ != nullptr && entry.self_->children != nullptr;
  const std::string_view id = has_children ? std::string_view() : entry.id();
  std::vector<std::vector<std::string>> aliases;
  if (entry.alias_) aliases.push_back(sorted_selectors(entry));
  std::vector<const Node*> todo = {entry.parent_};
  std::unordered_set<const Node*> seen(todo.begin(), todo.end());
  while (!todo.empty()) {
    const Node* const n = todo.back();
    todo.pop_back();
    watcher_->entry_changed(n->path, id);
    for (const IndexedEntry* above = named_.find(n->path); above != nullptr;
         above = above->namesake_.next) {
      if (above->alias_) aliases.push_back(sorted_selectors(*above));
      if (seen.insert(above->parent_).second) todo.push_back(above->parent_);
    }
  }
  if (aliases.empty()) return;
  // Named as far as possible: an agent that is told to ask for everything costs far more. An alias
  // itself is not handed out, so one with nothing below it concerns nobody.
  std::vector<std::string> ids;
  if (aliases.size() > (entry.alias_ ? 1 : 0)) ids.emplace_back(entry.id());
  if (!append_below(entry, ids)) {
    ids.clear();
  } else if (ids.empty()) {
    return;
  }
  watcher_->entries_changed({std::move(aliases), std::move(ids)});
}

// False when they are too many.
bool EntryIndex::append_below(const IndexedEntry& entry, std::vector<std::string>& ids) {
  std::vector<const Node*> todo = {entry.self_};
  std::unordered_set<const Node*> seen(todo.begin(), todo.end());
  while (!todo.empty()) {
    const Node* const n = todo.back();
    todo.pop_back();
    if (n == nullptr) continue;
    for (const IndexedEntry* child = n->children; child != nullptr; child = child->sibling_.next) {
      if (ids.size() >= kMostBelow) return false;
      ids.emplace_back(child->id());
      if (seen.insert(child->self_).second) todo.push_back(child->self_);
    }
  }
  return true;
}

bool EntryIndex::answers_to(std::string_view agent_path, const ManyConcerned& concerned) const {
  std::shared_lock lock(mutex_);
  const auto agent = agent_selectors_.find(agent_path);
  if (agent == agent_selectors_.end()) return false;
  const std::vector<std::string>& has = agent->second;
  return std::any_of(concerned.aliases.begin(), concerned.aliases.end(), [&](const auto& alias) {
    return std::includes(has.begin(), has.end(), alias.begin(), alias.end());
  });
}

}  // namespace signet::server
