// Options of listen() and connect(), read from their JSON objects, with the defaults of the
// README's table. Unknown keys are errors: a misspelt limit must not become "no limit".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <sys/types.h>

#include "signet/status.h"

namespace signet::rpc_grpc {

struct ServerOptions {
  mode_t socket_mode = 0770;
  mode_t folder_mode = 0750;
  bool tls = false;
  bool ask_client_certificate = false;
  int max_message = 4 * 1024 * 1024;  // bytes, received
  int max_connection_age_s = 0;       // 0: unlimited
  int max_connections = 16384;
  int max_connections_per_ip = 1024;  // not counted on Unix sockets
  int max_handshakes = 1024;          // of TLS, under way at once
  int max_streams = 1000;             // per connection
};

struct ClientOptions {
  bool tls = false;
  int max_message = 4 * 1024 * 1024;  // bytes, received
};

/// Errors: kInvalidArgument naming the key.
Result<ServerOptions> parse_server_options(std::string_view json);
Result<ClientOptions> parse_client_options(std::string_view json);

// Where to listen or connect.
struct Endpoint {
  enum class Kind { kUnix, kTcp, kDns };
  Kind kind = Kind::kUnix;
  std::string path;  // kUnix: absolute path
  std::string host;  // kTcp: a literal address; kDns: a name or several, with commas between
  uint16_t port = 0;

  /// "unix:/path" (or "unix:///path"), "tcp:1.2.3.4:81", "tcp:[::1]:81", "dns:name:81",
  /// "dns:name,1.2.3.4,[::1]:81".
  static Result<Endpoint> parse(std::string_view uri);
  /// "1.2.3.4:81" or "[::1]:81"; of several names the first.
  std::string host_port() const;
};

}  // namespace signet::rpc_grpc
