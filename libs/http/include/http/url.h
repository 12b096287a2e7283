// What an https URL has to be before anything is fetched from it.
#pragma once

#include <string_view>

#include "signet/status.h"

namespace signet::http {

inline constexpr std::size_t kMaxUrlBytes = 2048;

/// Scheme https, a host, no user, characters that every reader of URLs takes for the same.
/// Errors   kInvalidArgument; field `rule` is "scheme", "host", "user" or "syntax". The message is
///          the end of a sentence: "must use the https scheme"
Status check_https_url(std::string_view url);

}  // namespace signet::http
