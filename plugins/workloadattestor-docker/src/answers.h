// What a container engine answers, read as what it is: input from outside.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "signet/status.h"

namespace signet::docker {

inline constexpr std::size_t kMaxAnswerBytes = std::size_t{4} << 20;
inline constexpr std::size_t kMaxSelectors = 4096;

// Of GET /containers/ID/json.
struct Container {
  std::string id;
  std::int32_t first_pid = 0;          // in the engine's PID namespace; 0: it does not run
  std::string image_id;                // of the image that it was made from; "" when not told
  std::vector<std::string> selectors;  // label:, env: and image_id:
};
/// Errors   kInternal: not JSON, too large or too deep, a member of another type, more selectors
///          than kMaxSelectors
Result<Container> read_container(std::string_view json);

/// The Id that GET /images/ID/json tells, "" when there is none. Errors   kInternal
Result<std::string> read_image_id(std::string_view json);

}  // namespace signet::docker
