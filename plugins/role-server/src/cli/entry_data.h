// Files of registration entries, as -data takes them:
//   {"entries": [{"spiffe_id": "spiffe://...", "parent_id": "...", "selectors": [{"type": "unix",
//    "value": "uid:1000"}], "x509_svid_ttl": 60, "entryExpiry": 0, ...}]}
#pragma once

#include <string_view>
#include <vector>

#include "signet/status.h"

#include "spire/api/types/entry.pb.h"

namespace signet::server::cli {

inline constexpr std::size_t kMaxDataBytes = 256 * 1024 * 1024;

/// Member names are matched without regard to case, unknown ones ignored, null is absent.
/// Errors   kInvalidArgument, naming the member: "entries[3].x509_svid_ttl: ..."
Result<std::vector<::spire::api::types::Entry>> read_entries(std::string_view json);
/// {"ids": ["...", ...]}
Result<std::vector<std::string>> read_entry_ids(std::string_view json);

}  // namespace signet::server::cli
