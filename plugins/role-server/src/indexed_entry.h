// IndexedEntry: a registration entry as the index holds it, header and encoded bytes in one piece
// of memory.
//
// A million of them are kept, and an agent may be answered with a hundred thousand: so there is one
// allocation each, what the index asks for is read from the bytes where it lies, and entries that
// were loaded one after the other are read one after the other.
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>
#include <utility>

#include "entry_wire.h"
#include "spire/api/types/entry.pb.h"

namespace signet::server {

class IndexedEntry;

// Shares an entry. Safe from any thread, as a shared_ptr is; half as large.
class IndexedPtr {
 public:
  IndexedPtr() = default;
  IndexedPtr(std::nullptr_t) {}  // NOLINT(google-explicit-constructor): as a pointer
  explicit IndexedPtr(const IndexedEntry* entry);
  IndexedPtr(const IndexedPtr& other) : IndexedPtr(other.entry_) {}
  IndexedPtr(IndexedPtr&& other) noexcept : entry_(std::exchange(other.entry_, nullptr)) {}
  IndexedPtr& operator=(IndexedPtr other) noexcept {
    std::swap(entry_, other.entry_);
    return *this;
  }
  ~IndexedPtr();

  const IndexedEntry* get() const { return entry_; }
  const IndexedEntry* operator->() const { return entry_; }
  const IndexedEntry& operator*() const { return *entry_; }
  explicit operator bool() const { return entry_ != nullptr; }
  friend bool operator==(const IndexedPtr&, const IndexedPtr&) = default;

 private:
  const IndexedEntry* entry_ = nullptr;
};

// What is public never changes once the entry is made; the links are the index's.
class IndexedEntry {
 public:
  IndexedEntry(const IndexedEntry&) = delete;
  IndexedEntry& operator=(const IndexedEntry&) = delete;

  /// spire.api.types.Entry
  std::string_view encoded() const { return {bytes(), size_}; }
  std::string_view id() const { return text(id_); }
  std::string_view path() const { return text(path_); }  // of its SPIFFE ID
  std::int64_t revision_number() const { return revision_number_; }
  std::int64_t created_at() const { return created_at_; }
  std::int64_t expires_at() const { return expires_at_; }  // Unix seconds; 0 never
  bool admin() const { return admin_; }
  bool downstream() const { return downstream_; }
  spire::api::types::Entry message() const;

 private:
  friend class EntryIndex;
  friend class IndexedPtr;

  struct Text {  // in the encoded bytes
    std::uint32_t at;
    std::uint32_t size;
  };
  struct Links {                       // its neighbours in a list
    IndexedEntry* previous = nullptr;  // of the first one: the last
    IndexedEntry* next = nullptr;
  };
  struct Node;

  /// With one reference, the caller's. `parts` are of `encoded`.
  static IndexedEntry* make(std::string_view encoded, const EntryParts& parts,
                            std::uint64_t revision);
  IndexedEntry(std::string_view encoded, const EntryParts& parts, std::uint64_t revision);
  ~IndexedEntry() = default;

  const char* bytes() const { return reinterpret_cast<const char*>(this + 1); }
  std::string_view text(Text place) const { return encoded().substr(place.at, place.size); }
  void share() const { references_.fetch_add(1, std::memory_order_relaxed); }
  void let_go() const;

  // What a search by ID reads stands first, in one line of the processor's cache.
  mutable std::atomic<std::uint32_t> references_{1};
  const std::uint32_t size_;
  const Text id_;
  IndexedEntry* next_by_id_ =
      nullptr;              // in a chain of the table by ID; with the index's mutex held
  Node* parent_ = nullptr;  // with the index's mutex held
  const Text path_;
  const std::int64_t revision_number_;
  const std::int64_t created_at_;
  const std::int64_t expires_at_;
  const bool admin_;
  const bool downstream_;
  const std::uint64_t revision_;  // of the datastore's record

  // With the index's mutex held.
  bool alias_ = false;                    // in the index's list of node aliases
  std::uint8_t generation_ = 0;           // of the load that has seen it last
  IndexedEntry* next_by_path_ = nullptr;  // the same of the table by path, of the first namesake
  Links namesake_;                        // entries with the same SPIFFE ID
  Links sibling_;                         // entries with the same parent
  Node* self_ = nullptr;                  // the node of its own path, if that is anybody's parent
};

inline IndexedPtr::IndexedPtr(const IndexedEntry* entry) : entry_(entry) {
  if (entry_ != nullptr) entry_->share();
}
inline IndexedPtr::~IndexedPtr() {
  if (entry_ != nullptr) entry_->let_go();
}

}  // namespace signet::server
