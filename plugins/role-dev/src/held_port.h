// HeldPort: a port of 127.0.0.1 that is free and stays so until the server has it. Linux lets two
// sockets with SO_REUSEADDR have one port as long as neither listens, and gives it to nobody else.
#pragma once

#include <cstdint>
#include <unistd.h>
#include <utility>

#include "signet/status.h"

namespace signet::dev {

class HeldPort {
 public:
  static Result<HeldPort> take();

  HeldPort(HeldPort&& o) noexcept : fd_(std::exchange(o.fd_, -1)), port_(o.port_) {}
  HeldPort& operator=(HeldPort&&) = delete;
  ~HeldPort() {
    if (fd_ >= 0) close(fd_);
  }
  std::uint16_t port() const { return port_; }

 private:
  HeldPort() = default;
  int fd_ = -1;
  std::uint16_t port_ = 0;
};

}  // namespace signet::dev
