// Mutual TLS by X509-SVIDs for gRPC C++: credentials that always show the source's current identity
// and judge the peer by the SPIFFE rules. Link signet::workload-client-grpc.
//
//   auto credentials = make_grpc_server_credentials(source, authorize_member_of(domain));
//   builder.AddListeningPort("0.0.0.0:8443", *credentials);
//   ... peer_id(*context->auth_context()) ...
//
// A new identity is shown within a second by every connection that begins then. Bundles and time
// are those of the moment of each handshake. Open connections stay as they are: give servers a
// maximal connection age (GRPC_ARG_MAX_CONNECTION_AGE_MS) below the SVIDs' time to live.
//
// gRPC takes an identity that changes from files only. It gets one in memory (memfd), below
// /proc/self/fd, which therefore has to be mounted.
#pragma once

#include <memory>

#include "workload_client/authorize.h"
#include "workload_client/x509_source.h"

namespace grpc {
class AuthContext;
class ChannelCredentials;
class ServerCredentials;
}  // namespace grpc

namespace signet::workload_client {

/// The source must have an identity: wait() for it. It may end before the credentials, which then
/// keep the last one.
/// Errors   kInvalidArgument: `authorize` is empty; kFailedPrecondition: no identity yet;
///          kInternal: no file can be made
Result<std::shared_ptr<grpc::ServerCredentials>> make_grpc_server_credentials(
    const X509Source& source, Authorize authorize);
Result<std::shared_ptr<grpc::ChannelCredentials>> make_grpc_channel_credentials(
    const X509Source& source, Authorize authorize);

/// Who is at the other end of a call. Errors   kUnauthenticated
Result<SpiffeId> peer_id(const grpc::AuthContext& context);

}  // namespace signet::workload_client
