// What the whole transport shares: the plugin's host, the accept thread, and the table of
// functions it offers. A host service has no instance argument, so this is one per process.
#pragma once

#include "signet/abi/rpc.h"
#include "signet/host.h"

#include "accept_loop.h"
#include "h2_loop.h"

namespace signet::rpc_grpc {

struct Runtime {
  Host host;  // the transport's own; calls log through their owner's
  AcceptLoop accept_loop;
  H2Loop h2_loop;
  bool own_http2 = true;  // our server on Unix sockets, not gRPC's; listeners take it at serve()
};

// Whoever called listen() or connect(): its workers run the handlers, its log gets the records.
struct Owner {
  explicit Owner(const signet_host* abi)
      : host(abi), executor(host.service<signet_host_executor>(SIGNET_HOST_EXECUTOR)) {}
  Host host;
  const signet_host_executor* executor;
};

/// Made by the plugin's start and never destroyed: gRPC's last slices may outlive any order.
Runtime& runtime();
const signet_host_blob* blob_api();
/// Binds the process-wide parts to `host`: blobs, gRPC's log, the accept thread.
Status start_runtime(const Host& host);
void stop_runtime();

/// The table behind "signet.host.rpc/1".
const signet_host_rpc* rpc_table();

}  // namespace signet::rpc_grpc
