#include "gpr_log.h"

#include <atomic>

#include <grpc/support/log.h>

namespace signet::rpc_grpc {
namespace {

std::atomic<const Host*> target{nullptr};

void write_line(gpr_log_func_args* args) {
  const Host* host = target.load(std::memory_order_acquire);
  if (!host) return;
  const std::string_view text = args->message;
  // Said for each connection whose name is not checked by gRPC; the acceptor checks the identity.
  const bool noise = text.starts_with("No match found for server name");
  const LogLevel level =
      args->severity == GPR_LOG_SEVERITY_ERROR && !noise ? LogLevel::kWarn : LogLevel::kDebug;
  host->log(level, "gRPC says", {{"reason", text}});
}

}  // namespace

void route_gpr_log(const Host* host) {
  target.store(host, std::memory_order_release);
  gpr_set_log_function(&write_line);
  gpr_set_log_verbosity(host && host->enabled(LogLevel::kDebug) ? GPR_LOG_SEVERITY_INFO
                                                                : GPR_LOG_SEVERITY_ERROR);
}

}  // namespace signet::rpc_grpc
