// Records: what the store keeps, in plain C++ terms, free of SQL and of the C ABI.
//
// A record is an envelope (kind, id, row, revision, expiry), the index keys its kind
// declares, and a body that nobody here reads. Views borrow: they live as long as the call
// that got them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "signet/status.h"

namespace signet::datastore_sql {

inline constexpr std::size_t kMaxIdBytes = 2048;
inline constexpr std::size_t kMaxBodyBytes = std::size_t{4} << 20;
inline constexpr std::size_t kMaxKeyValueBytes = std::size_t{64} << 10;
inline constexpr std::size_t kMaxKeys = 65536;       // of one record
inline constexpr std::size_t kMaxQueryKeys = 30000;  // of one query; SQLite binds 32,766
inline constexpr std::uint64_t kMaxRow = 0xFFFFFFFFu;

inline constexpr std::int64_t kRevisionAny = -1;
inline constexpr std::int64_t kRevisionAbsent = 0;

enum class KeyType {
  kText,  // at most one value
  kFlag,  // "1" is true; "0", "" or absent is false
  kSet,   // any number of values, no order, duplicates count once
};

struct KeySpec {
  std::string_view name;
  KeyType type;
};

// A kind and the index keys its records may carry.
struct KindSpec {
  std::string_view name;
  std::span<const KeySpec> keys;
  std::size_t index;  // place in kinds(), stable within one build only
};

/// All kinds, in a fixed order.
std::span<const KindSpec> kinds();

/// Errors  kInvalidArgument: no such kind.
Result<const KindSpec*> find_kind(std::string_view name);

struct IndexKey {
  std::string_view name;
  std::string_view value;
};

struct NewRecord {
  std::string_view kind;
  std::string_view id;
  std::int64_t if_revision = kRevisionAny;
  std::int64_t expires_at = 0;  // Unix seconds; 0 never
  std::span<const IndexKey> keys;
  std::string_view body;
};

struct Stored {
  std::uint64_t row = 0;
  std::uint64_t revision = 0;
};

struct RecordView {
  std::string_view kind;
  std::string_view id;
  std::uint64_t row = 0;
  std::uint64_t revision = 0;
  std::int64_t expires_at = 0;
  std::string_view body;
};

struct ChangeView {
  bool deleted = false;
  std::string_view kind;
  std::string_view id;
  std::uint64_t revision = 0;
};

// How a set key of a query meets the stored set. Numbers are the ABI's and SPIRE's.
enum class SetMatch : std::uint32_t { kExact = 0, kSubset = 1, kSuperset = 2, kAny = 3 };

struct Query {
  std::string_view kind;
  std::span<const IndexKey> where;
  SetMatch selector_match = SetMatch::kExact;
  SetMatch federates_match = SetMatch::kExact;
  std::uint64_t after_row = 0;
  std::uint32_t limit = 0;          // 0: all
  std::int64_t expires_before = 0;  // only 0 < expires_at < this; 0: no condition
  bool with_body = true;
};

}  // namespace signet::datastore_sql
