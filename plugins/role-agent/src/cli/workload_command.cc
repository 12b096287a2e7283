#include "cli/workload_command.h"

#include "signet/duration.h"

#include "cli/agent_socket.h"
#include "cli/go_text.h"

namespace signet::agent::cli {
namespace {

Status run_connected(Context& context, WorkloadCommand& command, const AgentSocket& socket,
                     const Output& output, std::chrono::nanoseconds timeout) {
  SIGNET_TRY(std::string path, socket.resolve());
  SIGNET_TRY(const Client client, Client::open(context, std::move(path)));
  Workload workload{context.io, client, output, timeout};
  SIGNET_RETURN_IF_ERROR(command.run(workload));
  if (context.io.failed()) return Status(Code::kUnknown, "cannot write to standard output");
  return {};
}

}  // namespace

const RpcConnection::Headers& workload_headers() {
  static const RpcConnection::Headers kHeaders = {{"workload.spiffe.io", "true"}};
  return kHeaders;
}

int run_workload_command(Context& context, const Args& args, WorkloadCommand& command) {
  FlagSet flags(command.name());
  AgentSocket socket;
  Output output;
  std::chrono::nanoseconds timeout = std::chrono::seconds(5);
  socket.declare(flags);
  flags.custom(
      "timeout",
      [&timeout](std::string_view value) -> Status {
        SIGNET_TRY(timeout, signet::cli::go_parse_duration(value));
        return {};
      },
      "how long to wait for an answer", "value", format_go_duration(timeout));
  command.declare(flags, output);
  const FlagSet::Outcome outcome = flags.parse(args, context.io);
  Status status;
  if (outcome == FlagSet::Outcome::kHelp) return 0;
  if (outcome == FlagSet::Outcome::kBad) {
    status = Status::invalid_argument(flags.error());  // said twice, as the peer does
  } else {
    status = run_connected(context, command, socket, output, timeout);
  }
  if (status.ok()) return 0;
  context.io.err(status.message() + "\n");
  return 1;
}

}  // namespace signet::agent::cli
