// The functions of path templates: Go's own and those of sprig that agent paths use.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "signet/status.h"

namespace signet::x509pop {

using Arguments = std::vector<nlohmann::json>;
using PathFunction = Result<nlohmann::json> (*)(const Arguments& arguments);

inline constexpr std::size_t kMaxValueBytes = 64 * 1024;

struct PathFunctionInfo {
  std::string_view name;
  std::size_t least, most;  // number of arguments
  PathFunction run;
};
/// nullptr: no such function.
const PathFunctionInfo* find_path_function(std::string_view name);

/// As Go's templates judge a condition: false for false, 0, "", an empty list or map, and null.
bool is_true(const nlohmann::json& value);
/// As it is printed into the path. Errors   kInvalidArgument: lists, maps and null
Result<std::string> print_value(const nlohmann::json& value);

}  // namespace signet::x509pop
