#include "entry_index.h"

#include <algorithm>
#include <mutex>
#include <unordered_set>
#include <utility>

#include "entry_record.h"

namespace signet::server {
namespace {

constexpr std::string_view kServerPath = "/spire/server";

}  // namespace

std::vector<std::string> EntryIndex::sorted_selectors(const IndexedEntry& entry) {
  const spire::api::types::Entry message = entry.message();
  std::vector<std::string> out;
  out.reserve(static_cast<std::size_t>(message.selectors_size()));
  for (const auto& s : message.selectors()) out.push_back(s.type() + ":" + s.value());
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

EntryIndex::~EntryIndex() {
  entries_.drain([](IndexedEntry& entry) { entry.let_go(); });
}

void EntryIndex::append(IndexedEntry*& first, IndexedEntry& entry, Links IndexedEntry::*list) {
  if (first == nullptr) {
    first = (entry.*list).previous = &entry;
    return;
  }
  IndexedEntry* const last = std::exchange((first->*list).previous, &entry);
  (last->*list).next = &entry;
  (entry.*list).previous = last;
}

void EntryIndex::unlink(IndexedEntry*& first, IndexedEntry& entry, Links IndexedEntry::*list) {
  const auto [previous, next] = entry.*list;
  (&entry == first ? first : (previous->*list).next) = next;
  IndexedEntry* const after = next != nullptr ? next : first;
  if (after != nullptr) (after->*list).previous = previous;
}

// Among those with its SPIFFE ID.
void EntryIndex::name(IndexedEntry& entry) {
  IndexedEntry* first = named_.find(entry.path());
  if (first == nullptr) named_.insert(entry);
  append(first, entry, &IndexedEntry::namesake_);
}

void EntryIndex::unname(IndexedEntry& entry) {
  IndexedEntry* const before = named_.find(entry.path());
  IndexedEntry* first = before;
  unlink(first, entry, &IndexedEntry::namesake_);
  if (first == nullptr) {
    named_.remove(entry);
  } else if (first != before) {
    named_.replace(entry, *first);
  }
}

EntryIndex::Node& EntryIndex::parent_node(std::string_view path) {
  if (const auto known = nodes_.find(path); known != nodes_.end()) return known->second;
  const auto at = nodes_.try_emplace(std::string(path)).first;
  Node& node = at->second;
  node.path = at->first;
  for (IndexedEntry* n = named_.find(path); n != nullptr; n = n->namesake_.next) n->self_ = &node;
  return node;
}

void EntryIndex::drop_if_unused(const Node* node) {
  if (node == nullptr || node->children != nullptr || named_.find(node->path) != nullptr) return;
  nodes_.erase(nodes_.find(node->path));
}

void EntryIndex::insert(std::string_view encoded, const EntryParts& parts, uint64_t revision) {
  remove(parts.id);
  if (parts.domain != trust_domain_.name() || parts.parent_domain != trust_domain_.name()) return;
  IndexedEntry& entry = *IndexedEntry::make(encoded, parts, revision);
  entry.generation_ = generation_;
  entries_.insert(entry);
  name(entry);
  if (const auto own = nodes_.find(parts.path); own != nodes_.end()) entry.self_ = &own->second;
  entry.parent_ = &parent_node(parts.parent_path);
  append(entry.parent_->children, entry, &IndexedEntry::sibling_);
  if (parts.parent_path == kServerPath && parts.has_selectors) {
    std::vector<std::string> selectors = sorted_selectors(entry);
    if (!selectors.empty()) {  // else they cannot be read
      const std::string first = selectors.front();
      aliases_[first].push_back({&entry, std::move(selectors)});
      entry.alias_ = true;
    }
  }
  tell(entry);
}

void EntryIndex::remove(std::string_view id) {
  IndexedEntry* const entry = entries_.find(id);
  if (entry == nullptr) return;
  tell(*entry);
  if (entry->alias_) {
    const auto bucket = aliases_.find(sorted_selectors(*entry).front());
    std::erase_if(bucket->second, [&](const Alias& alias) { return alias.entry == entry; });
    if (bucket->second.empty()) aliases_.erase(bucket);
  }
  entries_.remove(*entry);
  unname(*entry);
  const Node* const parent = entry->parent_;
  const Node* const self = entry->self_;
  unlink(entry->parent_->children, *entry, &IndexedEntry::sibling_);
  if (parent != self) drop_if_unused(parent);
  drop_if_unused(self);
  entry->let_go();
}

bool EntryIndex::path_of(std::string_view id, std::string_view& path) const {
  constexpr std::string_view kScheme = "spiffe://";
  const std::string& name = trust_domain_.name();
  if (!id.starts_with(kScheme) || id.substr(kScheme.size(), name.size()) != name) return false;
  path = id.substr(kScheme.size() + name.size());
  return path.empty() || path.front() == '/';
}

// Where the agent's authorised entries hang from: its own path, and each alias it answers to.
std::vector<const EntryIndex::Node*> EntryIndex::roots_of(std::string_view agent_path,
                                                          int64_t now) const {
  std::vector<const Node*> roots;
  if (const auto own = nodes_.find(agent_path); own != nodes_.end()) roots.push_back(&own->second);
  const auto selectors = agent_selectors_.find(agent_path);
  if (selectors == agent_selectors_.end()) return roots;
  for (const std::string& selector : selectors->second) {
    const auto bucket = aliases_.find(selector);
    if (bucket == aliases_.end()) continue;
    for (const Alias& alias : bucket->second) {
      const Node* const node = alias.entry->self_;
      if (node != nullptr && !expired(*alias.entry, now) &&
          std::includes(selectors->second.begin(), selectors->second.end(), alias.selectors.begin(),
                        alias.selectors.end())) {
        roots.push_back(node);
      }
    }
  }
  return roots;
}

void EntryIndex::for_each_authorized(std::string_view agent_id,
                                     const std::function<void(const IndexedEntry&)>& fn) const {
  std::string_view path;
  if (!path_of(agent_id, path)) return;
  const int64_t now = host_.unix_seconds();
  std::shared_lock lock(mutex_);
  const std::vector<const Node*> roots = roots_of(path, now);
  std::unordered_set<const Node*> seen(roots.begin(), roots.end());
  std::vector<const Node*> todo(seen.begin(), seen.end());
  while (!todo.empty()) {
    const Node* n = todo.back();
    todo.pop_back();
    for (const IndexedEntry* child = n->children; child != nullptr; child = child->sibling_.next) {
      if (expired(*child, now)) continue;
      fn(*child);
      // Most entries are leaves: only one with children of its own is worth remembering.
      if (child->self_ != nullptr && child->self_->children != nullptr &&
          seen.insert(child->self_).second) {
        todo.push_back(child->self_);
      }
    }
  }
}

std::vector<IndexedPtr> EntryIndex::authorized(std::string_view agent_id) const {
  std::vector<IndexedPtr> out;
  for_each_authorized(agent_id, [&](const IndexedEntry& entry) { out.emplace_back(&entry); });
  return out;
}

// Upwards from the entry: its chain of parents is short, the agent's list is not.
bool EntryIndex::is_below(const std::vector<const Node*>& roots, const IndexedEntry& entry,
                          int64_t now) const {
  if (expired(entry, now)) return false;
  const auto is_root = [&](const Node* node) {
    return std::find(roots.begin(), roots.end(), node) != roots.end();
  };
  if (is_root(entry.parent_)) return true;
  std::vector<const Node*> todo = {entry.parent_};
  std::unordered_set<const Node*> seen(todo.begin(), todo.end());
  while (!todo.empty()) {
    const Node* n = todo.back();
    todo.pop_back();
    if (is_root(n)) return true;
    for (const IndexedEntry* above = named_.find(n->path); above != nullptr;
         above = above->namesake_.next) {
      if (!expired(*above, now) && seen.insert(above->parent_).second)
        todo.push_back(above->parent_);
    }
  }
  return false;
}

IndexedPtr EntryIndex::find_authorized(std::string_view agent_id, std::string_view entry_id) const {
  std::string_view path;
  if (!path_of(agent_id, path)) return nullptr;
  const int64_t now = host_.unix_seconds();
  std::shared_lock lock(mutex_);
  const IndexedEntry* const entry = entries_.find(entry_id);
  if (entry == nullptr || !is_below(roots_of(path, now), *entry, now)) return nullptr;
  return IndexedPtr(entry);
}

std::vector<IndexedPtr> EntryIndex::find_authorized(
    std::string_view agent_id, std::span<const std::string_view> entry_ids) const {
  std::vector<IndexedPtr> out;
  std::string_view path;
  if (!path_of(agent_id, path)) return out;
  const int64_t now = host_.unix_seconds();
  out.reserve(entry_ids.size());
  std::shared_lock lock(mutex_);
  const std::vector<const Node*> roots = roots_of(path, now);
  entries_.find_each(entry_ids, [&](const IndexedEntry* entry) {
    if (entry != nullptr && is_below(roots, *entry, now)) out.emplace_back(entry);
  });
  return out;
}

IndexedPtr EntryIndex::find(std::string_view entry_id) const {
  std::shared_lock lock(mutex_);
  return IndexedPtr(entries_.find(entry_id));
}

std::vector<IndexedPtr> EntryIndex::by_spiffe_id(std::string_view spiffe_id) const {
  std::vector<IndexedPtr> out;
  std::string_view path;
  if (!path_of(spiffe_id, path)) return out;
  const int64_t now = host_.unix_seconds();
  std::shared_lock lock(mutex_);
  for (const IndexedEntry* entry = named_.find(path); entry != nullptr;
       entry = entry->namesake_.next) {
    if (!expired(*entry, now)) out.emplace_back(entry);
  }
  return out;
}

EntryPtr EntryIndex::authorized_entry(std::string_view agent_id, std::string_view entry_id) const {
  const IndexedPtr entry = find_authorized(agent_id, entry_id);
  return entry ? std::make_shared<const spire::api::types::Entry>(entry->message()) : nullptr;
}

EntryDirectory::Privileges EntryIndex::privileges(std::string_view spiffe_id) const {
  Privileges out;
  for (const IndexedPtr& entry : by_spiffe_id(spiffe_id)) {
    out.admin = out.admin || entry->admin();
    if (entry->downstream() && !out.downstream) {
      out.downstream = std::make_shared<const spire::api::types::Entry>(entry->message());
    }
  }
  return out;
}

std::size_t EntryIndex::count() const {
  std::shared_lock lock(mutex_);
  return entries_.size();
}

void EntryIndex::agent_changed(std::string_view agent_id,
                               const std::vector<std::string>& selectors) {
  std::string_view path;
  if (!path_of(agent_id, path)) return;
  std::vector<std::string> sorted = selectors;
  std::sort(sorted.begin(), sorted.end());
  std::unique_lock lock(mutex_);
  if (watcher_ != nullptr) watcher_->entry_changed(path, {});
  if (!sorted.empty()) {
    agent_selectors_.insert_or_assign(std::string(path), std::move(sorted));
  } else if (const auto it = agent_selectors_.find(path); it != agent_selectors_.end()) {
    agent_selectors_.erase(it);  // an alias asks for at least one selector
  }
}

void EntryIndex::agent_removed(std::string_view agent_id) { agent_changed(agent_id, {}); }

}  // namespace signet::server
