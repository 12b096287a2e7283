#include "agent_watch.h"

#include <cstring>
#include <thread>
#include <unistd.h>

#include <sys/socket.h>
#include <sys/un.h>

#include "spiffe/workload/workload.pb.h"

namespace signet::dev {
namespace {

constexpr std::chrono::milliseconds kPause{10};
constexpr std::chrono::seconds kAnswerTime{5};

// A plain connect: gRPC, asked too early, would wait a second before it tries again.
bool listens(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return false;
  std::memcpy(address.sun_path, path.data(), path.size());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  const bool connected =
      connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  close(fd);
  return connected;
}

}  // namespace

Status wait_for_identity(const Host& host, const Call& call, const std::string& socket,
                         std::chrono::nanoseconds limit) {
  const std::int64_t until = host.deadline_in(limit);
  const auto pause = [&]() -> Status {
    if (call.cancelled()) return Status::cancelled("the process was told to stop");
    if (host.monotonic_ns() > until) return Status::deadline_exceeded("the agent is not ready");
    std::this_thread::sleep_for(kPause);
    return {};
  };
  while (!listens(socket)) SIGNET_RETURN_IF_ERROR(pause());

  SIGNET_TRY(const auto connection, RpcConnection::create(host, "unix:" + socket, "{}", nullptr));
  for (;;) {
    // The bundles need an identity as the SVIDs do, and bring no key.
    SIGNET_TRY(const auto stream,
               connection->open("/SpiffeWorkloadAPI/FetchX509Bundles", X509BundlesRequest(),
                                host.deadline_in(kAnswerTime), {{"workload.spiffe.io", "true"}}));
    stream->half_close();
    const auto answer = stream->read<X509BundlesResponse>();
    if (answer && *answer) return {};
    // The entry may be on its way from the server's change log.
    if (!answer && answer.status().code() != Code::kPermissionDenied &&
        answer.status().code() != Code::kUnavailable) {
      return answer.status();
    }
    SIGNET_RETURN_IF_ERROR(pause());
  }
}

}  // namespace signet::dev
