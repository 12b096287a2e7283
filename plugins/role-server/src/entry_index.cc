#include "entry_index.h"

#include <algorithm>
#include <mutex>
#include <unordered_set>
#include <utility>

#include "entry_record.h"

namespace signet::server {
namespace {

constexpr std::string_view kServerPath = "/spire/server";

// How many deletions are remembered: more than can be under way between a read and its use.
constexpr std::size_t kErasedKept = 4096;

std::vector<std::string> sorted_selectors(
    const google::protobuf::RepeatedPtrField<spire::api::types::Selector>& selectors) {
  std::vector<std::string> out;
  out.reserve(static_cast<std::size_t>(selectors.size()));
  for (const auto& s : selectors) out.push_back(s.type() + ":" + s.value());
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

}  // namespace

IndexedEntry::IndexedEntry(const spire::api::types::Entry& entry)
    : encoded(entry.SerializeAsString()),
      revision_number(entry.revision_number()),
      created_at(entry.created_at()),
      expires_at(entry.expires_at()),
      admin(entry.admin()),
      downstream(entry.downstream()) {
  encoded.shrink_to_fit();
  id = std::string_view(encoded).substr(encoded.find(entry.id()), entry.id().size());
}

spire::api::types::Entry IndexedEntry::message() const {
  spire::api::types::Entry entry;
  entry.ParseFromString(encoded);
  return entry;
}

void EntryIndex::append(Slot*& first, Slot& slot, Links Slot::*list) {
  if (first == nullptr) {
    first = (slot.*list).previous = &slot;
    return;
  }
  Slot* const last = std::exchange((first->*list).previous, &slot);
  (last->*list).next = &slot;
  (slot.*list).previous = last;
}

void EntryIndex::unlink(Slot*& first, Slot& slot, Links Slot::*list) {
  const auto [previous, next] = slot.*list;
  (&slot == first ? first : (previous->*list).next) = next;
  Slot* const after = next != nullptr ? next : first;
  if (after != nullptr) (after->*list).previous = previous;
}

EntryIndex::Node& EntryIndex::node(const std::string& path) {
  const auto [at, is_new] = nodes_.try_emplace(path);
  if (is_new) at->second.path = at->first;
  return at->second;
}

void EntryIndex::drop_if_unused(const Node& node) {
  if (node.unused()) nodes_.erase(nodes_.find(node.path));
}

void EntryIndex::insert(const spire::api::types::Entry& entry, uint64_t revision) {
  remove(entry.id());
  if (entry.spiffe_id().trust_domain() != trust_domain_.name() ||
      entry.parent_id().trust_domain() != trust_domain_.name()) {
    return;
  }
  IndexedPtr indexed = std::make_shared<const IndexedEntry>(entry);
  Slot& slot = slots_[indexed->id];
  slot.entry = std::move(indexed);
  slot.revision = revision;
  slot.parent = &node(entry.parent_id().path());
  slot.self = &node(entry.spiffe_id().path());
  append(slot.parent->children, slot, &Slot::sibling);
  append(slot.self->names, slot, &Slot::namesake);
  if (entry.parent_id().path() == kServerPath && !entry.selectors().empty()) {
    slot.alias_selectors =
        std::make_unique<const std::vector<std::string>>(sorted_selectors(entry.selectors()));
    aliases_[slot.alias_selectors->front()].push_back(&slot);
  }
}

void EntryIndex::remove(std::string_view id) {
  const auto it = slots_.find(id);
  if (it == slots_.end()) return;
  Slot& slot = it->second;
  Node& parent = *slot.parent;
  Node& self = *slot.self;
  unlink(parent.children, slot, &Slot::sibling);
  unlink(self.names, slot, &Slot::namesake);
  if (slot.alias_selectors) {
    const auto bucket = aliases_.find(slot.alias_selectors->front());
    std::erase(bucket->second, &slot);
    if (bucket->second.empty()) aliases_.erase(bucket);
  }
  // The key lies in the entry, which stays until its slot is off the map.
  const IndexedPtr entry = std::move(slot.entry);
  slots_.erase(it);
  if (&parent != &self) drop_if_unused(parent);
  drop_if_unused(self);
}

bool EntryIndex::path_of(std::string_view id, std::string_view& path) const {
  constexpr std::string_view kScheme = "spiffe://";
  const std::string& name = trust_domain_.name();
  if (!id.starts_with(kScheme) || id.substr(kScheme.size(), name.size()) != name) return false;
  path = id.substr(kScheme.size() + name.size());
  return path.empty() || path.front() == '/';
}

bool EntryIndex::alias_matches(const Slot& alias,
                               const std::vector<std::string>& agent_selectors) const {
  return std::includes(agent_selectors.begin(), agent_selectors.end(),
                       alias.alias_selectors->begin(), alias.alias_selectors->end());
}

// Where the agent's authorised entries hang from: its own path, and each alias it answers to.
std::vector<const EntryIndex::Node*> EntryIndex::roots_of(std::string_view agent_path) const {
  std::vector<const Node*> roots;
  if (const auto own = nodes_.find(agent_path); own != nodes_.end()) roots.push_back(&own->second);
  const auto selectors = agent_selectors_.find(agent_path);
  if (selectors == agent_selectors_.end()) return roots;
  const int64_t now = host_.unix_seconds();
  for (const std::string& selector : selectors->second) {
    const auto bucket = aliases_.find(selector);
    if (bucket == aliases_.end()) continue;
    for (const Slot* alias : bucket->second) {
      if (!expired(*alias->entry, now) && alias_matches(*alias, selectors->second))
        roots.push_back(alias->self);
    }
  }
  return roots;
}

void EntryIndex::for_each_authorized(std::string_view agent_id,
                                     const std::function<void(const IndexedPtr&)>& fn) const {
  std::string_view path;
  if (!path_of(agent_id, path)) return;
  const int64_t now = host_.unix_seconds();
  std::shared_lock lock(mutex_);
  const std::vector<const Node*> roots = roots_of(path);
  std::unordered_set<const Node*> seen(roots.begin(), roots.end());
  std::vector<const Node*> todo(seen.begin(), seen.end());
  while (!todo.empty()) {
    const Node* n = todo.back();
    todo.pop_back();
    for (const Slot* child = n->children; child != nullptr; child = child->sibling.next) {
      if (expired(*child->entry, now)) continue;
      fn(child->entry);
      // Most entries are leaves: only one with children of its own is worth remembering.
      if (child->self->children != nullptr && seen.insert(child->self).second)
        todo.push_back(child->self);
    }
  }
}

std::vector<IndexedPtr> EntryIndex::authorized(std::string_view agent_id) const {
  std::vector<IndexedPtr> out;
  for_each_authorized(agent_id, [&](const IndexedPtr& entry) { out.push_back(entry); });
  return out;
}

IndexedPtr EntryIndex::find_authorized(std::string_view agent_id, std::string_view entry_id) const {
  std::string_view path;
  if (!path_of(agent_id, path)) return nullptr;
  const int64_t now = host_.unix_seconds();
  std::shared_lock lock(mutex_);
  const auto it = slots_.find(entry_id);
  if (it == slots_.end() || expired(*it->second.entry, now)) return nullptr;
  // Upwards from the entry: its chain of parents is short, the agent's list is not.
  if (const auto own = nodes_.find(path);
      own != nodes_.end() && it->second.parent == &own->second) {
    return it->second.entry;
  }
  const std::vector<const Node*> roots = roots_of(path);
  std::vector<const Node*> todo = {it->second.parent};
  std::unordered_set<const Node*> seen(todo.begin(), todo.end());
  while (!todo.empty()) {
    const Node* n = todo.back();
    todo.pop_back();
    if (std::find(roots.begin(), roots.end(), n) != roots.end()) return it->second.entry;
    for (const Slot* above = n->names; above != nullptr; above = above->namesake.next) {
      if (!expired(*above->entry, now) && seen.insert(above->parent).second)
        todo.push_back(above->parent);
    }
  }
  return nullptr;
}

IndexedPtr EntryIndex::find(std::string_view entry_id) const {
  std::shared_lock lock(mutex_);
  const auto it = slots_.find(entry_id);
  return it == slots_.end() ? nullptr : it->second.entry;
}

std::vector<IndexedPtr> EntryIndex::by_spiffe_id(std::string_view spiffe_id) const {
  std::vector<IndexedPtr> out;
  std::string_view path;
  if (!path_of(spiffe_id, path)) return out;
  const int64_t now = host_.unix_seconds();
  std::shared_lock lock(mutex_);
  const auto it = nodes_.find(path);
  if (it == nodes_.end()) return out;
  for (const Slot* slot = it->second.names; slot != nullptr; slot = slot->namesake.next) {
    if (!expired(*slot->entry, now)) out.push_back(slot->entry);
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
    out.admin = out.admin || entry->admin;
    if (entry->downstream && !out.downstream) {
      out.downstream = std::make_shared<const spire::api::types::Entry>(entry->message());
    }
  }
  return out;
}

std::size_t EntryIndex::count() const {
  std::shared_lock lock(mutex_);
  return slots_.size();
}

void EntryIndex::agent_changed(std::string_view agent_id,
                               const std::vector<std::string>& selectors) {
  std::string_view path;
  if (!path_of(agent_id, path)) return;
  std::vector<std::string> sorted = selectors;
  std::sort(sorted.begin(), sorted.end());
  std::unique_lock lock(mutex_);
  if (!sorted.empty()) {
    agent_selectors_.insert_or_assign(std::string(path), std::move(sorted));
  } else if (const auto it = agent_selectors_.find(path); it != agent_selectors_.end()) {
    agent_selectors_.erase(it);  // an alias asks for at least one selector
  }
}

void EntryIndex::agent_removed(std::string_view agent_id) { agent_changed(agent_id, {}); }

Status EntryIndex::reload(Transaction& tx) {
  {
    std::unique_lock lock(mutex_);
    slots_.clear();
    nodes_.clear();
    aliases_.clear();
    erased_.clear();
    erased_order_.clear();
  }
  Query all;
  all.kind = kEntryKind;
  return tx.for_each(all, [this](const signet_record& r) {
    spire::api::types::Entry entry;
    const std::string_view encoded = encoded_entry(view(r.body));
    if (encoded.empty() ||
        !entry.ParseFromArray(encoded.data(), static_cast<int>(encoded.size()))) {
      host_.error("Skipping a stored entry that cannot be read", {{"entry_id", view(r.id)}});
      return;
    }
    std::unique_lock lock(mutex_);
    insert(entry, r.revision);
  });
}

uint64_t EntryIndex::erased_at(std::string_view id) const {
  const auto it = erased_.find(id);
  return it == erased_.end() ? 0 : it->second;
}

bool EntryIndex::knows(const Change& change) const {
  std::shared_lock lock(mutex_);
  const auto it = slots_.find(change.id);
  if (it != slots_.end()) return it->second.revision >= change.revision;
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
  std::unique_lock lock(mutex_);
  const auto it = slots_.find(entry.id());
  if (it != slots_.end() ? it->second.revision >= revision : erased_at(entry.id()) > revision)
    return;
  insert(entry, revision);
}

void EntryIndex::erase(std::string_view id, uint64_t revision) {
  std::unique_lock lock(mutex_);
  const auto it = slots_.find(id);
  if (it != slots_.end() && it->second.revision > revision) return;
  remove(id);
  if (erased_.insert_or_assign(std::string(id), revision).second) erased_order_.emplace_back(id);
  if (erased_order_.size() > kErasedKept) {
    erased_.erase(erased_order_.front());
    erased_order_.pop_front();
  }
}

}  // namespace signet::server
