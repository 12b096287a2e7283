// One HTTP GET, bounded in every way: size, time, redirects (none), schemes.
//
// https with the system's trust store; plain http only over a Unix socket. No proxy is taken from
// the environment and no credentials from the URL's host files.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "signet/status.h"

namespace signet::http {

struct GetRequest {
  std::string url;
  std::string unix_socket;                                 // absolute path; "": over TCP
  std::vector<std::pair<std::string, std::string>> query;  // added to the URL's own, escaped
  std::string ca_file;  // PEM authorities instead of the system's, for tests and private ones
  std::size_t max_bytes = 4 * 1024 * 1024;
  std::chrono::milliseconds timeout{10'000};  // in all
};

/// The body of a 200 answer. Blocks.
/// Errors   kInvalidArgument: the URL's scheme is not allowed
///          kUnavailable: no answer, or another status than 200
///          kResourceExhausted: more than max_bytes
Result<std::string> get(const GetRequest& request);

}  // namespace signet::http
