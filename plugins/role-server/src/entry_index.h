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
#include <shared_mutex>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "signet/spiffe_id.h"

#include "change_follower.h"
#include "entry_record.h"
#include "entry_watcher.h"
#include "indexed_entry.h"
#include "intrusive_table.h"
#include "service_context.h"
#include "spire/api/types/entry.pb.h"

namespace signet::server {

struct IndexedEntry::Node {          // a path that some entry names as its parent
  std::string_view path;             // its key in the index
  IndexedEntry* children = nullptr;  // the first entry whose parent this is
};

class EntryIndex final : public EntryDirectory, public ChangeSubscriber {
 public:
  EntryIndex(Host host, TrustDomain trust_domain)
      : host_(std::move(host)), trust_domain_(std::move(trust_domain)) {}
  ~EntryIndex() override;

  /// Before any change. `watcher` outlives this.
  void watched_by(EntryWatcher* watcher) { watcher_ = watcher; }

  /// Each entry the agent (its SPIFFE ID) is authorised for, once, in no order.
  void for_each_authorized(std::string_view agent_id,
                           const std::function<void(const IndexedEntry&)>& fn) const;
  std::vector<IndexedPtr> authorized(std::string_view agent_id) const;
  /// Of these entries those that exist and that this agent is authorised for, in their order.
  std::vector<IndexedPtr> find_authorized(std::string_view agent_id,
                                          std::span<const std::string_view> entry_ids) const;
  /// The entry when it exists and this agent is authorised for it, else null.
  IndexedPtr find_authorized(std::string_view agent_id, std::string_view entry_id) const;
  IndexedPtr find(std::string_view entry_id) const;
  /// Entries that give this SPIFFE ID: for admin and downstream callers.
  std::vector<IndexedPtr> by_spiffe_id(std::string_view spiffe_id) const;

  /// Whether this agent answers to one of these node aliases.
  bool answers_to(std::string_view agent_path, const ManyConcerned& concerned) const;

  // For explanations (entry_standing.cc): how entries stand to agents, expired ones included.

  enum class Standing { kBelow, kExpired, kElsewhere };
  /// kExpired: the agent would be authorised for it, had it, or what is between them, not expired.
  Standing standing(std::string_view agent_id, const IndexedEntry& entry) const;
  struct Own {
    IndexedPtr entry;
    bool expired;
  };
  /// Whether an agent that was told all up to `revision` lacks this entry of its as it is now: it
  /// has changed since, or what leads to it is newer.
  bool is_news(std::string_view agent_id, const IndexedEntry& entry, uint64_t revision) const;
  /// Of this agent's entries those that have expired, or that it may not have been told of up to
  /// `revision`. Costs as much as all of the agent's entries.
  std::vector<Own> expired_or_later(std::string_view agent_id, uint64_t revision) const;
  /// All entries, in no order.
  std::vector<IndexedPtr> all() const;
  /// What is above an entry: the SPIFFE IDs that agents may have, and the selectors ("type:value")
  /// of node aliases. Nothing when it is not in the index.
  struct Above {
    std::vector<std::string> ids;
    std::vector<std::vector<std::string>> aliases;
  };
  Above above(std::string_view entry_id) const;

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
  using Node = IndexedEntry::Node;
  using Links = IndexedEntry::Links;
  struct ById {
    std::string_view operator()(const IndexedEntry& entry) const { return entry.id(); }
  };
  struct ByPath {
    std::string_view operator()(const IndexedEntry& entry) const { return entry.path(); }
  };
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view s) const { return std::hash<std::string_view>{}(s); }
  };
  template <typename T>
  using ByText = std::unordered_map<std::string, T, TextHash, std::equal_to<>>;

  struct Alias {
    IndexedEntry* entry;
    std::vector<std::string> selectors;  // sorted "type:value"
  };

  // All below: with mutex_ held.
  static void append(IndexedEntry*& first, IndexedEntry& entry, Links IndexedEntry::*list);
  static void unlink(IndexedEntry*& first, IndexedEntry& entry, Links IndexedEntry::*list);
  Node& parent_node(std::string_view path);
  void drop_if_unused(const Node* node);
  void insert(std::string_view encoded, const EntryParts& parts, uint64_t revision);
  void load(std::string_view encoded, const EntryParts& parts, uint64_t revision);
  void remove(std::string_view id);
  void name(IndexedEntry& entry);
  void unname(IndexedEntry& entry);
  void tell(const IndexedEntry& entry) const;  // entry_concerns.cc
  /// As "type:value".
  static std::vector<std::string> sorted_selectors(const IndexedEntry& entry);
  static bool append_below(const IndexedEntry& entry, std::vector<std::string>& ids);
  uint64_t erased_at(std::string_view id) const;
  bool path_of(std::string_view id, std::string_view& path) const;
  std::vector<const Node*> roots_of(std::string_view agent_path, int64_t now) const;
  bool is_below(const std::vector<const Node*>& roots, const IndexedEntry& entry,
                int64_t now) const;
  bool expired(const IndexedEntry& entry, int64_t now) const {
    return expired_at(entry.expires_at(), now);
  }

  Host host_;
  TrustDomain trust_domain_;
  EntryWatcher* watcher_ = nullptr;
  mutable std::shared_mutex mutex_;
  // Each entry has one reference of the table by ID.
  IntrusiveTable<IndexedEntry, &IndexedEntry::next_by_id_, ById> entries_;
  // The first of those with the same SPIFFE ID.
  IntrusiveTable<IndexedEntry, &IndexedEntry::next_by_path_, ByPath> named_;
  ByText<Node> nodes_;  // by path; kept while anybody points to it
  // By their first selector: an agent only looks at those it has one of.
  ByText<std::vector<Alias>> aliases_;
  ByText<std::vector<std::string>> agent_selectors_;  // agent path -> sorted "type:value"
  // The latest deletions, so that a change read before one cannot undo it.
  ByText<uint64_t> erased_;
  std::deque<std::string> erased_order_;
  std::uint8_t generation_ = 0;  // of the latest load
};

}  // namespace signet::server
