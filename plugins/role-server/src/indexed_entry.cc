#include "indexed_entry.h"

#include <cstring>
#include <new>

namespace signet::server {

IndexedEntry::IndexedEntry(std::string_view encoded, const EntryParts& parts,
                           std::uint64_t revision)
    : size_(static_cast<std::uint32_t>(encoded.size())),
      id_{static_cast<std::uint32_t>(parts.id.data() - encoded.data()),
          static_cast<std::uint32_t>(parts.id.size())},
      path_{static_cast<std::uint32_t>(parts.path.data() - encoded.data()),
            static_cast<std::uint32_t>(parts.path.size())},
      revision_number_(parts.revision_number),
      created_at_(parts.created_at),
      expires_at_(parts.expires_at),
      admin_(parts.admin),
      downstream_(parts.downstream),
      revision_(revision) {
  std::memcpy(reinterpret_cast<char*>(this + 1), encoded.data(), encoded.size());
}

IndexedEntry* IndexedEntry::make(std::string_view encoded, const EntryParts& parts,
                                 std::uint64_t revision) {
  void* memory = ::operator new(sizeof(IndexedEntry) + encoded.size());
  return new (memory) IndexedEntry(encoded, parts, revision);
}

void IndexedEntry::let_go() const {
  if (references_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  this->~IndexedEntry();
  ::operator delete(const_cast<IndexedEntry*>(this));
}

spire::api::types::Entry IndexedEntry::message() const {
  spire::api::types::Entry entry;
  entry.ParseFromArray(bytes(), static_cast<int>(size_));
  return entry;
}

}  // namespace signet::server
