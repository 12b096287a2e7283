#include "cli/agent_socket.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/go_text.h"
#include "grpc/health/v1/health.pb.h"

namespace signet::agent::cli {
namespace {

using signet::cli::FlagSet;
namespace health = ::grpc::health::v1;

Status check(Context& context, const AgentSocket& socket, bool verbose) {
  if (verbose) context.io.out("Checking agent health...\n");
  SIGNET_TRY(std::string path, socket.resolve());
  SIGNET_TRY(const auto client, signet::cli::Client::open(context, std::move(path)));
  const auto answer = client.call<health::HealthCheckResponse>("/grpc.health.v1.Health/Check",
                                                               health::HealthCheckRequest());
  if (!answer) {
    if (verbose) context.io.err("Failed to check health: " + answer.status().message() + "\n");
    return Status::unavailable("unable to determine health");
  }
  if (answer->status() == health::HealthCheckResponse::SERVING) return {};
  return Status::unavailable(
      "agent returned status " +
      signet::cli::go_quote(health::HealthCheckResponse::ServingStatus_Name(answer->status())));
}

}  // namespace

int healthcheck(Context& context, const Args& args) {
  FlagSet flags("health");
  AgentSocket socket;
  bool shallow = false, verbose = false;
  socket.declare(flags);
  flags.boolean("shallow", &shallow, "accepted for older scripts; changes nothing");
  flags.boolean("verbose", &verbose, "say what is checked and why it failed");
  if (flags.parse(args, context.io) != FlagSet::Outcome::kGo) return 1;
  const Status status = check(context, socket, verbose);
  if (!status.ok()) {
    context.io.err("Agent is unhealthy: " + status.message() + "\n");
    return 1;
  }
  context.io.out("Agent is healthy.\n");
  return context.io.failed() ? 1 : 0;
}

}  // namespace signet::agent::cli
