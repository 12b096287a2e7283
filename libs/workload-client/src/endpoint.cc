#include "workload_client/endpoint.h"

#include <charconv>
#include <cstdlib>

#include <arpa/inet.h>

namespace signet::workload_client {
namespace {

Status bad(const char* text) {
  return Status::invalid_argument(std::string("workload endpoint socket: ") + text);
}

Result<std::string> unix_target(std::string_view rest) {
  if (rest.starts_with("//")) {
    rest.remove_prefix(2);
    if (!rest.starts_with("/")) return bad("a unix URI has no authority and an absolute path");
  }
  if (rest.empty() || rest.front() != '/' || rest == "/")
    return bad("a unix URI needs an absolute path");
  if (rest.find_first_of("?#") != std::string_view::npos)
    return bad("a unix URI has no query or fragment");
  return "unix:" + std::string(rest);
}

Result<std::string> tcp_target(std::string_view rest) {
  if (!rest.starts_with("//")) return bad("a tcp URI is tcp://IP:port");
  rest.remove_prefix(2);
  if (rest.find_first_of("/?#@") != std::string_view::npos)
    return bad("a tcp URI is an IP and a port, nothing else");
  const std::size_t colon = rest.rfind(':');
  if (colon == std::string_view::npos) return bad("a tcp URI needs a port");
  std::string host(rest.substr(0, colon));
  const std::string_view port = rest.substr(colon + 1);
  unsigned number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (error != std::errc() || end != port.data() + port.size() || number == 0 || number > 65535) {
    return bad("the port is not a number from 1 to 65535");
  }
  unsigned char address[16];
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
    if (inet_pton(AF_INET6, host.c_str(), address) == 1)
      return "ipv6:[" + host + "]:" + std::string(port);
  } else if (inet_pton(AF_INET, host.c_str(), address) == 1) {
    return "ipv4:" + host + ":" + std::string(port);
  }
  return bad("the host of a tcp URI is an IP address");
}

}  // namespace

Result<std::string> endpoint_target(std::string_view uri) {
  if (uri.starts_with("unix:")) return unix_target(uri.substr(5));
  if (uri.starts_with("tcp:")) return tcp_target(uri.substr(4));
  return bad("the scheme is neither unix nor tcp");
}

Result<std::string> endpoint_from_environment() {
  const char* value = std::getenv("SPIFFE_ENDPOINT_SOCKET");
  if (value == nullptr || *value == '\0') {
    return Status::failed_precondition("SPIFFE_ENDPOINT_SOCKET is not set");
  }
  return endpoint_target(value);
}

}  // namespace signet::workload_client
