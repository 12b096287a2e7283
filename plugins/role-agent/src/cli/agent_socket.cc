#include "cli/agent_socket.h"

#include <filesystem>

namespace signet::agent::cli {

Result<std::string> AgentSocket::resolve() const {
  using Problem = signet::cli::SocketPath::Problem;
  const std::string variable = socket_.template_variable();
  if (socket_.problem() == Problem::kNoTemplate) {
    // The blank in front is the peer's.
    return Status::invalid_argument(
        " " + variable + " environment variable must be defined when using the instance flag");
  }
  if (socket_.problem() == Problem::kNoPlaceholder)
    return Status::invalid_argument("failed to find %i in " + variable);
  std::error_code error;
  const auto path = std::filesystem::absolute(socket_.resolve(), error);
  if (error) return Status(Code::kUnknown, "no working directory: " + error.message());
  return path.lexically_normal().string();
}

}  // namespace signet::agent::cli
