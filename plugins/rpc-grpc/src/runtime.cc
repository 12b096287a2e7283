#include "runtime.h"

#include <algorithm>
#include <cstdlib>
#include <thread>

#include <absl/synchronization/mutex.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include "gpr_log.h"

namespace signet::rpc_grpc {

void run_apart(std::function<void()> fn) { std::thread(std::move(fn)).detach(); }

Runtime& runtime() {
  static auto* instance = new Runtime;
  return *instance;
}

Status Runtime::start_tcp_loops() {
  std::lock_guard lock(mutex_);
  tcp_loops = std::clamp(std::thread::hardware_concurrency(), 1u, kMaxLoops);
  for (unsigned i = 0; i < tcp_loops; ++i) SIGNET_RETURN_IF_ERROR(loops[i].start(host));
  return {};
}

void Runtime::drain_loops() {
  for (H2Loop& loop : loops) loop.run([] {});
}

namespace {

const signet_host_blob* the_blob_api = nullptr;

}  // namespace

// gRPC 1.51 starts its threads with the first user of its callback queue and takes the queue away
// with the last one, also from under a thread that has not begun yet: a use after free. A server
// without ports is a user that stays, so the queue lives as long as the process.
void keep_grpc_alive() {
  static const grpc::Server* const keeper = [] {
    grpc::ServerBuilder builder;
    builder.RegisterCallbackGenericService(new grpc::CallbackGenericService);
    return builder.BuildAndStart().release();
  }();
  (void)keeper;
}

const signet_host_blob* blob_api() { return the_blob_api; }

Status start_runtime(const Host& host) {
  the_blob_api = host.service<signet_host_blob>(SIGNET_HOST_BLOB);
  if (!the_blob_api) return Status::failed_precondition("the host offers no " SIGNET_HOST_BLOB);
  runtime().host = host;
  // Before gRPC's first breath. With this experiment on, as in Debian's 1.51, a read buffer has
  // 8 KiB whatever the channel asks for.
  setenv("GRPC_EXPERIMENTS", "-tcp_read_chunks", /*overwrite=*/0);
  // Debian's abseil looks for deadlocks at each lock, for a fifth of a call's time.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  route_gpr_log(&runtime().host);
  SIGNET_RETURN_IF_ERROR(runtime().loops[0].start(host));
  return runtime().accept_loop.start();
}

void stop_runtime() {
  runtime().accept_loop.stop();
  for (H2Loop& loop : runtime().loops) loop.stop();
  route_gpr_log(nullptr);
}

}  // namespace signet::rpc_grpc
