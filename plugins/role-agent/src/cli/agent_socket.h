// Where the agent's Workload API is, by flags and environment.
#pragma once

#include "cli/flags.h"
#include "cli/socket_path.h"

namespace signet::agent::cli {

class AgentSocket {
 public:
  void declare(signet::cli::FlagSet& flags) {
    socket_.declare(flags, "path of the agent's socket");
  }
  /// The path, absolute. Errors   kInvalidArgument: -instance cannot be followed
  Result<std::string> resolve() const;

 private:
  signet::cli::SocketPath socket_{"/tmp/spire-agent/public/api.sock", "SPIRE_AGENT_PUBLIC_SOCKET"};
};

}  // namespace signet::agent::cli
