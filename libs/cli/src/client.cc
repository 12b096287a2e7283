#include "cli/client.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <unistd.h>

#include <sys/socket.h>
#include <sys/un.h>

#include "cli/go_text.h"

namespace signet::cli {
namespace {

// Why nobody can be reached at `path`; nothing when a connection is accepted.
std::optional<int> why_unreachable(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return EINVAL;
  std::memcpy(address.sun_path, path.data(), path.size());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return errno;
  const bool connected =
      connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  const int error = errno;
  close(fd);
  if (connected || error == EAGAIN) return std::nullopt;
  return error;
}

}  // namespace

Status rpc_error(const Status& status, const std::string& socket_path,
                 const std::string& shown_path) {
  std::string message = status.message();
  // The transports' libraries word these differently; scripts know the peer's words.
  if (status.code() == Code::kUnavailable) {
    const std::string head = "connection error: desc = \"transport: Error while dialing: dial unix";
    if (socket_path.empty()) {
      message = head + ": missing address\"";
    } else if (const auto error = why_unreachable(socket_path)) {
      message = head + " " + shown_path + ": connect: " + go_errno(*error) + "\"";
    }
  } else if (status.code() == Code::kDeadlineExceeded && message == "Deadline Exceeded") {
    message = "context deadline exceeded";
  } else if (status.code() == Code::kCancelled && message == "CANCELLED") {
    message = "context canceled";
  }
  return {status.code(),
          "rpc error: code = " + go_code_name(static_cast<std::int32_t>(status.code())) +
              " desc = " + message};
}

Result<Client> Client::open(const Context& context, std::string socket_path,
                            const char* shown_prefix) {
  const bool absolute = socket_path.starts_with('/');
  std::error_code error;
  std::string target = std::filesystem::absolute(socket_path, error).string();
  // The transport refuses such a path at once; the first call shall say so in the peer's words.
  if (socket_path.empty() || error || target.size() >= sizeof sockaddr_un::sun_path)
    target = "/dev/null/no-socket";
  SIGNET_TRY(auto connection, RpcConnection::create(context.host, "unix:" + target, "{}", nullptr));
  std::string shown = absolute ? shown_prefix + socket_path : socket_path;
  return Client(context, std::move(socket_path), std::move(shown), std::move(connection));
}

}  // namespace signet::cli
