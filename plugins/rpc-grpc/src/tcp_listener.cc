#include "tcp_listener.h"

#include <cerrno>
#include <cstring>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

namespace signet::rpc_grpc {
namespace {

// A peer that is gone, or takes nothing of what waits for it, for so long.
constexpr unsigned kStuckMs = 60'000;

// "" for other families.
std::string ip_of(const sockaddr_storage& a, uint16_t* port) {
  char text[INET6_ADDRSTRLEN] = "";
  if (a.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(a);
    inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
    *port = ntohs(v4.sin_port);
  } else if (a.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(a);
    if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
      inet_ntop(AF_INET, &v6.sin6_addr.s6_addr[12], text, sizeof text);
    } else {
      inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
    }
    *port = ntohs(v6.sin6_port);
  }
  return text;
}

}  // namespace

Result<int> bind_tcp(const Endpoint& endpoint, uint16_t* port) {
  int fd = -1;
  const auto failed = [&](const std::string& what) {
    const std::string why =
        errno == EADDRINUSE ? "another process is listening there" : std::strerror(errno);
    if (fd >= 0) close(fd);
    return Status::failed_precondition("cannot listen on tcp " + endpoint.host_port() + ": " +
                                       what + ": " + why);
  };
  sockaddr_storage address{};
  socklen_t size = 0;
  if (auto* v4 = reinterpret_cast<sockaddr_in*>(&address);
      inet_pton(AF_INET, endpoint.host.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(endpoint.port);
    size = sizeof *v4;
  } else if (auto* v6 = reinterpret_cast<sockaddr_in6*>(&address);
             inet_pton(AF_INET6, endpoint.host.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(endpoint.port);
    size = sizeof *v6;
  } else {
    return Status::invalid_argument("cannot listen on tcp " + endpoint.host_port() +
                                    ": not an IP address");
  }
  constexpr int kType = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK;
  const int on = 1;
  const int off = 0;
  // "All addresses" are those of both families, as Go's programs have it.
  if (endpoint.host == "0.0.0.0" || endpoint.host == "::") {
    fd = socket(AF_INET6, kType, 0);
    if (fd >= 0 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) == 0) {
      auto* any = reinterpret_cast<sockaddr_in6*>(&address);
      *any = {};
      any->sin6_family = AF_INET6;
      any->sin6_port = htons(endpoint.port);
      size = sizeof *any;
    } else if (fd >= 0) {
      close(std::exchange(fd, -1));
    }
  }
  if (fd < 0) fd = socket(address.ss_family, kType, 0);
  if (fd < 0) return failed("socket");
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0) return failed("bind");
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    return failed("getsockname");
  ip_of(address, port);
  return fd;
}

Result<TcpPeer> tcp_peer(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (getpeername(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    return Status::unavailable("the caller is gone");
  uint16_t port = 0;
  TcpPeer peer{ip_of(address, &port), {}};
  const bool v6 = peer.ip.find(':') != std::string::npos;
  peer.address = (v6 ? "[" + peer.ip + "]" : peer.ip) + ":" + std::to_string(port);
  return peer;
}

void tune_tcp(int fd) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &kStuckMs, sizeof kStuckMs);
}

}  // namespace signet::rpc_grpc
