#include "runtime.h"

#include "gpr_log.h"

namespace signet::rpc_grpc {

Runtime& runtime() {
  static auto* instance = new Runtime;
  return *instance;
}

namespace {
const signet_host_blob* the_blob_api = nullptr;
}

const signet_host_blob* blob_api() { return the_blob_api; }

Status start_runtime(const Host& host) {
  the_blob_api = host.service<signet_host_blob>(SIGNET_HOST_BLOB);
  if (!the_blob_api) return Status::failed_precondition("the host offers no " SIGNET_HOST_BLOB);
  runtime().host = host;
  route_gpr_log(&runtime().host);
  return runtime().accept_loop.start();
}

void stop_runtime() {
  runtime().accept_loop.stop();
  route_gpr_log(nullptr);
}

}  // namespace signet::rpc_grpc
