// EntryIndex: which entries an agent is authorised for, kept up to date change by change.
//
// Entries form a graph by parent_id: an agent is authorised for its children, their children and
// so on. An entry whose parent is /spire/server is a node alias: an agent that has all of its
// selectors is authorised for the descendants of the alias's SPIFFE ID too (the alias itself is
// not handed out). Nothing is computed per agent ahead of time, so a change costs what it touches
// and an alias over 100,000 agents costs one row.
//
// Entries whose parent or SPIFFE ID lies in a foreign trust domain are ignored. Expired entries
// are not handed out from the second they expire.
//
// Safe for many readers and one writer.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "signet/spiffe_id.h"

#include "change_follower.h"
#include "entry_record.h"
#include "service_context.h"
#include "spire/api/types/entry.pb.h"

namespace signet::server {

// One entry as the index holds it. Immutable once published; not moved, since `id` lies in it.
struct IndexedEntry {
  explicit IndexedEntry(const spire::api::types::Entry& entry);
  IndexedEntry(const IndexedEntry&) = delete;
  IndexedEntry& operator=(const IndexedEntry&) = delete;

  std::string encoded;  // spire.api.types.Entry
  std::string_view id;  // in `encoded`
  int64_t revision_number = 0;
  int64_t created_at = 0;
  int64_t expires_at = 0;
  bool admin = false;
  bool downstream = false;

  spire::api::types::Entry message() const;
};
using IndexedPtr = std::shared_ptr<const IndexedEntry>;

class EntryIndex final : public EntryDirectory, public ChangeSubscriber {
 public:
  EntryIndex(Host host, TrustDomain trust_domain)
      : host_(std::move(host)), trust_domain_(std::move(trust_domain)) {}

  /// Each entry the agent (its SPIFFE ID) is authorised for, once, in no order.
  void for_each_authorized(std::string_view agent_id,
                           const std::function<void(const IndexedPtr&)>& fn) const;
  std::vector<IndexedPtr> authorized(std::string_view agent_id) const;
  /// The entry when it exists and this agent is authorised for it, else null.
  IndexedPtr find_authorized(std::string_view agent_id, std::string_view entry_id) const;
  IndexedPtr find(std::string_view entry_id) const;
  /// Entries that give this SPIFFE ID: for admin and downstream callers.
  std::vector<IndexedPtr> by_spiffe_id(std::string_view spiffe_id) const;

  // EntryDirectory
  EntryPtr authorized_entry(std::string_view agent_id, std::string_view entry_id) const override;
  Privileges privileges(std::string_view spiffe_id) const override;
  std::size_t count() const override;
  void agent_changed(std::string_view agent_id, const std::vector<std::string>& selectors) override;
  void agent_removed(std::string_view agent_id) override;

  // ChangeSubscriber
  std::string_view kind() const override { return kEntryKind; }
  Status reload(Transaction& tx) override;
  bool knows(const Change& change) const override;
  void apply(const Record& record) override;
  void erase(std::string_view id, uint64_t revision) override;
  /// As apply(), for an entry at hand that this process has committed.
  void apply(const spire::api::types::Entry& entry, uint64_t revision);

 private:
  // With 100,000s of entries the size of these counts: bytes per entry are tested.
  struct Node;
  struct Slot;
  struct Links {               // a slot's neighbours in one of a node's two lists
    Slot* previous = nullptr;  // of the first one: the last
    Slot* next = nullptr;
  };
  struct Slot {  // an entry in the graph
    IndexedPtr entry;
    uint64_t revision = 0;
    Node* parent = nullptr;
    Node* self = nullptr;
    Links sibling;                                                    // in parent->children
    Links namesake;                                                   // in self->names
    std::unique_ptr<const std::vector<std::string>> alias_selectors;  // sorted; of a node alias
  };
  struct Node {                // one SPIFFE ID path
    std::string_view path;     // its key in nodes_
    Slot* children = nullptr;  // the first entry whose parent is this path
    Slot* names = nullptr;     // the first entry whose SPIFFE ID is this path
    bool unused() const { return children == nullptr && names == nullptr; }
  };
  static void append(Slot*& first, Slot& slot, Links Slot::*list);
  static void unlink(Slot*& first, Slot& slot, Links Slot::*list);
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view s) const { return std::hash<std::string_view>{}(s); }
  };
  template <typename T>
  using ByText = std::unordered_map<std::string, T, TextHash, std::equal_to<>>;

  // All below: with mutex_ held.
  Node& node(const std::string& path);
  void drop_if_unused(const Node& node);
  void insert(const spire::api::types::Entry& entry, uint64_t revision);
  void remove(std::string_view id);
  uint64_t erased_at(std::string_view id) const;
  bool path_of(std::string_view id, std::string_view& path) const;
  std::vector<const Node*> roots_of(std::string_view agent_path) const;
  bool alias_matches(const Slot& alias, const std::vector<std::string>& agent_selectors) const;
  bool expired(const IndexedEntry& entry, int64_t now) const {
    return entry.expires_at != 0 && entry.expires_at < now;
  }

  Host host_;
  TrustDomain trust_domain_;
  mutable std::shared_mutex mutex_;
  std::unordered_map<std::string_view, Slot> slots_;  // by the id in the slot's own entry
  ByText<Node> nodes_;                                // by path
  // Node aliases by their first selector: an agent only looks at those it has one of.
  ByText<std::vector<Slot*>> aliases_;
  ByText<std::vector<std::string>> agent_selectors_;  // agent path -> sorted "type:value"
  // The latest deletions, so that a change read before one cannot undo it.
  ByText<uint64_t> erased_;
  std::deque<std::string> erased_order_;
};

}  // namespace signet::server
