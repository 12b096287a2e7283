#include "runtime.h"

#include <cstdlib>

#include <absl/synchronization/mutex.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include "gpr_log.h"

namespace signet::rpc_grpc {

Runtime& runtime() {
  static auto* instance = new Runtime;
  return *instance;
}

namespace {

const signet_host_blob* the_blob_api = nullptr;

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

}  // namespace

const signet_host_blob* blob_api() { return the_blob_api; }

Status start_runtime(const Host& host) {
  the_blob_api = host.service<signet_host_blob>(SIGNET_HOST_BLOB);
  if (!the_blob_api) return Status::failed_precondition("the host offers no " SIGNET_HOST_BLOB);
  runtime().host = host;
  // Before gRPC's first breath. With this experiment on, as in Debian's 1.51, a read buffer has
  // 8 KiB whatever the channel asks for; without it an idle connection keeps half a KiB.
  setenv("GRPC_EXPERIMENTS", "-tcp_read_chunks", /*overwrite=*/0);
  // Debian's abseil looks for deadlocks at each lock, for a fifth of a call's time.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  route_gpr_log(&runtime().host);
  keep_grpc_alive();
  SIGNET_RETURN_IF_ERROR(runtime().h2_loop.start(host));
  return runtime().accept_loop.start();
}

void stop_runtime() {
  runtime().accept_loop.stop();
  runtime().h2_loop.stop();
  route_gpr_log(nullptr);
}

}  // namespace signet::rpc_grpc
