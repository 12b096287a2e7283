// What the commands that call the Workload API have in common: socket, -timeout, -output, and how
// an error ends the command.
#pragma once

#include <chrono>

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/flags.h"
#include "cli/output.h"

namespace signet::agent::cli {

using signet::cli::Client;
using signet::cli::FlagSet;
using signet::cli::Io;
using signet::cli::Output;

/// The header without which an agent answers nobody (SPIFFE Workload Endpoint 5).
const signet::RpcConnection::Headers& workload_headers();
inline constexpr const char* kFetchX509Svid = "/SpiffeWorkloadAPI/FetchX509SVID";

struct Workload {
  Io& io;
  const Client& client;
  const Output& output;
  std::chrono::nanoseconds timeout;  // 0 or less: none

  template <typename Resp, typename Req>
  Result<Resp> call(const std::string& method, const Req& request) const {
    return client.call<Resp>(method, request, timeout, workload_headers());
  }
  template <typename Resp, typename Req>
  Result<Resp> first(const std::string& method, const Req& request) const {
    return client.first<Resp>(method, request, timeout, workload_headers());
  }
};

class WorkloadCommand {
 public:
  virtual ~WorkloadCommand() = default;
  virtual const char* name() const = 0;  // in the usage text
  virtual void declare(FlagSet& flags, Output& output) = 0;
  virtual Status run(Workload& workload) = 0;
};

/// Reads the flags and runs the command. An error's message goes to standard error and gives 1.
int run_workload_command(Context& context, const Args& args, WorkloadCommand& command);
template <typename T>
int run_workload(Context& context, const Args& args) {
  T command;
  return run_workload_command(context, args, command);
}

}  // namespace signet::agent::cli
