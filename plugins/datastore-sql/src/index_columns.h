// IndexColumns: a record's index keys as the columns that hold them.
//
// Text and flag keys are one column each. A set is sorted, without duplicates, and packed:
// 32-bit little-endian length, bytes, for each value. Equal sets pack to equal bytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "signet/status.h"

#include "records.h"

namespace signet::datastore_sql {

struct IndexColumn {
  const KeySpec* spec = nullptr;
  bool given = false;
  std::string_view text;                 // kText; "" when absent
  bool flag = false;                     // kFlag
  std::vector<std::string_view> values;  // kSet: sorted, each once
  std::string packed;                    // kSet
};

/// One column for each key that `kind` declares, in its order.
/// Errors  kInvalidArgument: a key that the kind has not, a second value of a text or flag
///         key, a flag other than "1", "0" or "", a value that is too long, too many keys.
Result<std::vector<IndexColumn>> index_columns(const KindSpec& kind,
                                               std::span<const IndexKey> keys);

/// The values of a packed set, in their order; views into `packed`.
std::vector<std::string_view> unpack(std::string_view packed);

/// 64-bit hash of (parent_id, packed selector set), as stored in entry.similar: never
/// change it without a migration.
std::int64_t similar_hash(std::string_view parent_id, std::string_view packed_selectors);

}  // namespace signet::datastore_sql
