#include "cli/interrupt.h"

#include <poll.h>
#include <unistd.h>

#include <sys/eventfd.h>

namespace signet::cli {

Interrupt::Interrupt(const Call& call) : call_(call), fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  call_.on_cancel([](void* self) { static_cast<Interrupt*>(self)->arrive(); }, this);
}

Interrupt::~Interrupt() {
  call_.on_cancel(nullptr, nullptr);
  close(fd_);
}

bool Interrupt::wait(std::chrono::milliseconds time) const {
  pollfd one = {fd_, POLLIN, 0};
  poll(&one, 1, static_cast<int>(time.count()));
  return come();
}

void Interrupt::watch(ClientCall* stream) {
  const std::lock_guard lock(mutex_);
  stream_ = stream;
  if (stream_ != nullptr && come_) stream_->cancel();
}

void Interrupt::arrive() {
  const std::lock_guard lock(mutex_);
  come_ = true;
  static_cast<void>(eventfd_write(fd_, 1));
  if (stream_ != nullptr) stream_->cancel();
}

}  // namespace signet::cli
