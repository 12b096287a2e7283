#include "index_columns.h"

#include <algorithm>

namespace signet::datastore_sql {
namespace {

std::string quoted(std::string_view name) { return "\"" + std::string(name.substr(0, 64)) + "\""; }

// FNV-1a, 64 bits: fixed by its definition, unlike std::hash.
std::uint64_t fnv1a(std::uint64_t hash, std::string_view bytes) {
  for (const char c : bytes) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3u;
  }
  return hash;
}

void pack(IndexColumn& column) {
  std::sort(column.values.begin(), column.values.end());
  column.values.erase(std::unique(column.values.begin(), column.values.end()), column.values.end());
  std::size_t size = 0;
  for (const auto value : column.values) size += 4 + value.size();
  column.packed.reserve(size);
  for (const auto value : column.values) {
    const auto length = static_cast<std::uint32_t>(value.size());
    for (int shift = 0; shift < 32; shift += 8) {
      column.packed += static_cast<char>(length >> shift & 0xff);
    }
    column.packed += value;
  }
}

}  // namespace

Result<std::vector<IndexColumn>> index_columns(const KindSpec& kind,
                                               std::span<const IndexKey> keys) {
  if (keys.size() > kMaxKeys) {
    return Status::invalid_argument("record has " + std::to_string(keys.size()) +
                                    " index keys; at most " + std::to_string(kMaxKeys));
  }
  std::vector<IndexColumn> columns(kind.keys.size());
  for (std::size_t i = 0; i < columns.size(); ++i) columns[i].spec = &kind.keys[i];
  for (const IndexKey& key : keys) {
    const auto column = std::find_if(columns.begin(), columns.end(),
                                     [&](const auto& c) { return c.spec->name == key.name; });
    if (column == columns.end()) {
      return Status::invalid_argument("kind " + quoted(kind.name) + " has no index key " +
                                      quoted(key.name));
    }
    if (key.value.size() > kMaxKeyValueBytes) {
      return Status::invalid_argument("index key " + quoted(key.name) + " is longer than " +
                                      std::to_string(kMaxKeyValueBytes) + " bytes");
    }
    if (column->given && column->spec->type != KeyType::kSet) {
      return Status::invalid_argument("index key " + quoted(key.name) + " is given twice");
    }
    column->given = true;
    switch (column->spec->type) {
      case KeyType::kText:
        column->text = key.value;
        break;
      case KeyType::kFlag:
        if (key.value != "1" && key.value != "0" && !key.value.empty()) {
          return Status::invalid_argument("index key " + quoted(key.name) + " must be \"1\"");
        }
        column->flag = key.value == "1";
        break;
      case KeyType::kSet:
        column->values.push_back(key.value);
        break;
    }
  }
  for (IndexColumn& column : columns) {
    if (column.spec->type == KeyType::kSet) pack(column);
  }
  return columns;
}

std::vector<std::string_view> unpack(std::string_view packed) {
  std::vector<std::string_view> values;
  while (packed.size() >= 4) {
    std::uint32_t length = 0;
    for (int i = 0; i < 4; ++i) {
      length |= static_cast<std::uint32_t>(static_cast<unsigned char>(packed[i])) << (8 * i);
    }
    packed.remove_prefix(4);
    if (length > packed.size()) break;  // torn by hand: what is whole is used
    values.push_back(packed.substr(0, length));
    packed.remove_prefix(length);
  }
  return values;
}

std::int64_t similar_hash(std::string_view parent_id, std::string_view packed_selectors) {
  std::uint64_t hash = fnv1a(0xcbf29ce484222325u, parent_id);
  hash = fnv1a(hash, std::string_view("\0", 1));  // so that no byte moves from one to the other
  return static_cast<std::int64_t>(fnv1a(hash, packed_selectors));
}

}  // namespace signet::datastore_sql
