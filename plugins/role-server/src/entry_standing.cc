// EntryIndex for explanations: how entries stand to agents, those included that have expired.
#include <algorithm>
#include <limits>
#include <mutex>
#include <unordered_set>

#include "entry_index.h"

namespace signet::server {
namespace {

// At this time nothing has expired.
constexpr int64_t kBeforeAll = std::numeric_limits<int64_t>::min();

}  // namespace

EntryIndex::Standing EntryIndex::standing(std::string_view agent_id,
                                          const IndexedEntry& entry) const {
  std::string_view path;
  if (!path_of(agent_id, path)) return Standing::kElsewhere;
  const int64_t now = host_.unix_seconds();
  std::shared_lock lock(mutex_);
  const IndexedEntry* const known = entries_.find(entry.id());
  if (known == nullptr) return Standing::kElsewhere;
  if (is_below(roots_of(path, now), *known, now)) return Standing::kBelow;
  return is_below(roots_of(path, kBeforeAll), *known, kBeforeAll) ? Standing::kExpired
                                                                  : Standing::kElsewhere;
}

// Upwards, as in is_below(), through what was there by then. An entry above that has only changed
// since is taken to have led here before.
bool EntryIndex::is_news(std::string_view agent_id, const IndexedEntry& entry,
                         uint64_t revision) const {
  std::string_view path;
  if (!path_of(agent_id, path)) return false;
  const auto is_new = [&](const IndexedEntry& above) {
    return above.revision_ > revision && above.revision_number() == 0;
  };
  std::shared_lock lock(mutex_);
  const IndexedEntry* const known = entries_.find(entry.id());
  if (known == nullptr) return false;
  if (known->revision_ > revision) return true;
  const std::vector<const Node*> roots = roots_of(path, kBeforeAll);
  const auto is_old_root = [&](const Node* node) {
    if (node->path == path) return true;
    if (std::find(roots.begin(), roots.end(), node) == roots.end()) return false;
    for (const IndexedEntry* n = named_.find(node->path); n != nullptr; n = n->namesake_.next) {
      if (n->alias_ && !is_new(*n)) return true;
    }
    return false;
  };
  std::vector<const Node*> todo = {known->parent_};
  std::unordered_set<const Node*> seen(todo.begin(), todo.end());
  while (!todo.empty()) {
    const Node* const n = todo.back();
    todo.pop_back();
    if (is_old_root(n)) return false;
    for (const IndexedEntry* above = named_.find(n->path); above != nullptr;
         above = above->namesake_.next) {
      if (!is_new(*above) && seen.insert(above->parent_).second) todo.push_back(above->parent_);
    }
  }
  return true;
}

std::vector<IndexedPtr> EntryIndex::all() const {
  std::vector<IndexedPtr> out;
  std::shared_lock lock(mutex_);
  out.reserve(entries_.size());
  entries_.for_each([&](const IndexedEntry& entry) { out.emplace_back(&entry); });
  return out;
}

std::vector<EntryIndex::Own> EntryIndex::expired_or_later(std::string_view agent_id,
                                                          uint64_t revision) const {
  std::vector<Own> out;
  std::string_view path;
  if (!path_of(agent_id, path)) return out;
  const int64_t now = host_.unix_seconds();
  std::shared_lock lock(mutex_);
  const std::vector<const Node*> roots = roots_of(path, now);
  // As for_each_authorized(), but through what has expired, too.
  std::vector<const Node*> todo = roots_of(path, kBeforeAll);
  std::unordered_set<const Node*> seen(todo.begin(), todo.end());
  const std::unordered_set<const Node*> live(roots.begin(), roots.end());
  std::unordered_set<const Node*> doubtful;  // reached through what has expired
  std::unordered_set<const Node*> news;      // reached through what is of a later revision
  for (const Node* root : todo) {
    if (!live.contains(root)) doubtful.insert(root);
    for (const IndexedEntry* n = named_.find(root->path); n != nullptr; n = n->namesake_.next) {
      if (n->alias_ && n->revision_ > revision) news.insert(root);
    }
  }
  while (!todo.empty()) {
    const Node* const n = todo.back();
    todo.pop_back();
    const bool doubt = doubtful.contains(n), late = news.contains(n);
    for (const IndexedEntry* child = n->children; child != nullptr; child = child->sibling_.next) {
      const bool over = doubt || expired(*child, now);
      const bool later = late || child->revision_ > revision;
      if (over || later) out.push_back({IndexedPtr(child), over && !is_below(roots, *child, now)});
      if (child->self_ == nullptr || child->self_->children == nullptr) continue;
      if (!seen.insert(child->self_).second) continue;
      if (over) doubtful.insert(child->self_);
      if (later) news.insert(child->self_);
      todo.push_back(child->self_);
    }
  }
  return out;
}

EntryIndex::Above EntryIndex::above(std::string_view entry_id) const {
  Above out;
  std::shared_lock lock(mutex_);
  const IndexedEntry* const entry = entries_.find(entry_id);
  if (entry == nullptr) return out;
  std::vector<const Node*> todo = {entry->parent_};
  std::unordered_set<const Node*> seen(todo.begin(), todo.end());
  while (!todo.empty()) {
    const Node* const n = todo.back();
    todo.pop_back();
    out.ids.push_back(trust_domain_.id_string() + std::string(n->path));
    for (const IndexedEntry* above = named_.find(n->path); above != nullptr;
         above = above->namesake_.next) {
      if (above->alias_) {
        std::vector<std::string>& selectors = out.aliases.emplace_back();
        const auto message = above->message();
        for (const auto& s : message.selectors()) selectors.push_back(s.type() + ":" + s.value());
      } else if (seen.insert(above->parent_).second) {
        todo.push_back(above->parent_);
      }
    }
  }
  return out;
}

}  // namespace signet::server
