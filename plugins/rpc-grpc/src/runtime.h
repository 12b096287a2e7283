// What the whole transport shares: the plugin's host, its threads, and the table of functions it
// offers. A host service has no instance argument, so this is one per process.
#pragma once

#include <array>
#include <functional>
#include <mutex>

#include "signet/abi/rpc.h"
#include "signet/host.h"

#include "accept_loop.h"
#include "h2_loop.h"

namespace signet::rpc_grpc {

struct Runtime {
  static constexpr unsigned kMaxLoops = 4;

  Host host;  // the transport's own; calls log through their owner's
  AcceptLoop accept_loop;
  std::array<H2Loop, kMaxLoops> loops;  // the first is for Unix sockets, TCP spreads over all
  unsigned tcp_loops = 1;

  /// Starts the loops that TCP uses: as many as there are processors, kMaxLoops at most.
  Status start_tcp_loops();
  /// Returns when every loop has done what it was given before.
  void drain_loops();

 private:
  std::mutex mutex_;
};

// Whoever called listen() or connect(): its workers run the handlers, its log gets the records.
struct Owner {
  explicit Owner(const signet_host* abi)
      : host(abi), executor(host.service<signet_host_executor>(SIGNET_HOST_EXECUTOR)) {}
  Host host;
  const signet_host_executor* executor;
};

/// Runs fn on a thread of its own: what a connection needs before it is there must not wait for a
/// worker of its owner, since all of those may be waiting for that connection.
void run_apart(std::function<void()> fn);

/// Made by the plugin's start and never destroyed: gRPC's last slices may outlive any order.
Runtime& runtime();
const signet_host_blob* blob_api();
/// Binds the process-wide parts to `host`: blobs, gRPC's log, the threads that are always there.
Status start_runtime(const Host& host);
void stop_runtime();
/// Before the first channel: a process that only serves never starts gRPC.
void keep_grpc_alive();

/// The table behind "signet.host.rpc/1".
const signet_host_rpc* rpc_table();

}  // namespace signet::rpc_grpc
