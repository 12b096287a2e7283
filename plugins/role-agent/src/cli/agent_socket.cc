#include "cli/agent_socket.h"

#include <filesystem>

#include "cli/write_file.h"

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
  // An empty path is the working directory, as with the peer.
  const auto path = std::filesystem::current_path(error) / socket_.resolve();
  if (error) return Status(Code::kUnknown, "no working directory: " + error.message());
  return signet::cli::clean_path(path.string());
}

}  // namespace signet::agent::cli
