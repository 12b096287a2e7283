// One log record as text, in the two forms that the peers' tools already read:
//   time="2026-01-01T01:00:00Z" level=info msg=Issued count=2 user="a b"
//   {"count":2,"level":"info","msg":"Issued","time":"2026-01-01T01:00:00Z"}
// Fields are sorted by key; of two with one key the later wins.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "signet/abi/host.h"

namespace signet::kernel {

struct LogField {
  std::string_view key;
  std::string_view text;
  std::int64_t number = 0;
  std::uint32_t type = SIGNET_FIELD_TEXT;
};

std::string format_text(std::int64_t wall_ns, std::uint32_t level, std::string_view message,
                        std::vector<LogField> fields);
std::string format_json(std::int64_t wall_ns, std::uint32_t level, std::string_view message,
                        std::vector<LogField> fields);

/// "2026-01-01T01:00:00Z"
std::string rfc3339(std::int64_t unix_seconds);
std::string_view level_name(std::uint32_t level);
/// trace, debug, info, warn, warning, error, fatal, panic; any case.
std::optional<std::uint32_t> parse_level(std::string_view name);

}  // namespace signet::kernel
