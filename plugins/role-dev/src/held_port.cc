#include "held_port.h"

#include <cerrno>
#include <cstring>
#include <string>

#include <netinet/in.h>
#include <sys/socket.h>

namespace signet::dev {

Result<HeldPort> HeldPort::take() {
  HeldPort held;
  held.fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  if (held.fd_ < 0 || setsockopt(held.fd_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      bind(held.fd_, any, size) != 0 || getsockname(held.fd_, any, &size) != 0) {
    return Status::failed_precondition(std::string("no free port on 127.0.0.1: ") +
                                       std::strerror(errno));
  }
  held.port_ = ntohs(address.sin_port);
  return held;
}

}  // namespace signet::dev
