// One HTTP GET, bounded in every way: size of head and body, time, redirects, schemes, addresses.
//
// https with the system's trust store unless the caller judges the server itself; plain http only
// over a Unix socket. No proxy is taken from the environment and no credentials from files.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <sys/socket.h>

#include "signet/status.h"

namespace signet::http {

struct GetRequest {
  std::string url;
  std::string unix_socket = {};                                 // absolute path; "": over TCP
  std::vector<std::pair<std::string, std::string>> query = {};  // added to the URL's own, escaped
  std::string ca_file = {};  // PEM authorities instead of the system's, for tests and private ones
  std::size_t max_bytes = 4 * 1024 * 1024;
  std::chrono::milliseconds timeout{10'000};  // in all
  unsigned max_redirects = 0;                 // each to what check_https_url() takes
  // Asked of each address that is about to be connected to, whatever name or redirect leads there;
  // null: all are taken.
  std::function<bool(const sockaddr&)> may_connect = nullptr;
  // Called with OpenSSL's SSL_CTX* before each handshake: the caller sets its own verification,
  // and neither the system's authorities nor the host's name count.
  std::function<void(void* ssl_ctx)> judge_tls = nullptr;
  std::function<bool()> cancelled = nullptr;  // asked about once a second; true ends the transfer
};

/// The body of a 200 answer. Blocks.
/// Errors   kInvalidArgument: the URL is not allowed
///          kUnavailable: no answer, or another status than 200
///          kUnauthenticated: the server's certificate is not good
///          kPermissionDenied: may_connect refused its address
///          kDeadlineExceeded, kCancelled
///          kResourceExhausted: more than max_bytes
Result<std::string> get(const GetRequest& request);

/// For may_connect: neither loopback nor link-local nor unspecified.
bool is_public(const sockaddr& address);

}  // namespace signet::http
