// How our HTTP/2 sessions are set up: nghttp2's limits, our SETTINGS, and the callbacks.
#pragma once

#include <string>

#include <nghttp2/nghttp2.h>

namespace signet::rpc_grpc {

class H2Connection;

/// A server session that has submitted the SETTINGS and "sent" them: settings_frame() is what
/// went to the peer instead. Null when memory is out.
nghttp2_session* new_h2_session(H2Connection* connection, int max_streams);
/// The bytes of those SETTINGS.
std::string h2_settings_frame(int max_streams);

}  // namespace signet::rpc_grpc
