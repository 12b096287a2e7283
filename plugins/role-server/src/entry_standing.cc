// EntryIndex for explanations: how entries stand to agents, those included that have expired.
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
  for (const Node* root : todo) {
    if (!live.contains(root)) doubtful.insert(root);
  }
  while (!todo.empty()) {
    const Node* const n = todo.back();
    todo.pop_back();
    const bool doubt = doubtful.contains(n);
    for (const IndexedEntry* child = n->children; child != nullptr; child = child->sibling_.next) {
      const bool over = doubt || expired(*child, now);
      if (over || child->revision_ > revision)
        out.push_back({IndexedPtr(child), over && !is_below(roots, *child, now)});
      if (child->self_ == nullptr || child->self_->children == nullptr) continue;
      if (!seen.insert(child->self_).second) continue;
      if (over) doubtful.insert(child->self_);
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
