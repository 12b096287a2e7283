// How our HTTP/2 sessions are set up: nghttp2's limits, our SETTINGS, and the callbacks.
#pragma once

#include <string>

#include <nghttp2/nghttp2.h>

namespace signet::rpc_grpc {

class H2Connection;

// What a server tells its peers first.
struct H2Settings {
  int max_streams = 1000;
  int stream_window = 64 * 1024 - 1;      // bytes: RFC 9113 6.9.2's default
  int connection_window = 64 * 1024 - 1;  // likewise
  std::string bytes;                      // as it goes over the wire; see h2_greeting()
};

/// The bytes of those settings: a SETTINGS frame, and the window of the connection.
std::string h2_greeting(const H2Settings& settings);
/// A server session that takes settings.bytes for sent. Null when memory is out.
nghttp2_session* new_h2_session(H2Connection* connection, const H2Settings& settings);

}  // namespace signet::rpc_grpc
