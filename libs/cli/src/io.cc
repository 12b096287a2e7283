#include "cli/io.h"

#include <cerrno>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "cli/go_text.h"
#include "cli/interrupt.h"

namespace signet::cli {
namespace {

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = write(fd, text.data(), text.size());
    if (n > 0) {
      text.remove_prefix(static_cast<std::size_t>(n));
    } else if (n < 0 && errno == EAGAIN) {
      pollfd wait = {fd, POLLOUT, 0};  // a pipe that its owner made non-blocking
      poll(&wait, 1, -1);
    } else if (n >= 0 || errno != EINTR) {
      return false;
    }
  }
  return true;
}

// Waits until `fd` can be read. False: the interrupt came first.
bool wait_to_read(int fd, const Interrupt* interrupt) {
  if (interrupt == nullptr) return true;
  pollfd fds[2] = {{fd, POLLIN, 0}, {interrupt->fd(), POLLIN, 0}};
  while (poll(fds, 2, -1) < 0 && errno == EINTR) continue;
  return fds[1].revents == 0;
}

Result<std::string> read_all(int fd, std::size_t limit, const std::string& name,
                             const Interrupt* interrupt = nullptr) {
  std::string text;
  char chunk[64 * 1024];
  for (;;) {
    if (!wait_to_read(fd, interrupt)) return Status::cancelled("read " + name + ": interrupted");
    const ssize_t n = read(fd, chunk, sizeof chunk);
    if (n == 0) return text;
    if (n < 0) {
      if (errno == EINTR) continue;
      return Status(Code::kUnknown, "read " + name + ": " + go_errno(errno));
    }
    if (text.size() + static_cast<std::size_t>(n) > limit) {
      return Status::resource_exhausted(name + " is larger than " + std::to_string(limit) +
                                        " bytes");
    }
    text.append(chunk, static_cast<std::size_t>(n));
  }
}

}  // namespace

void Io::out(std::string_view text) {
  if (!write_all(out_, text)) failed_ = true;
}

void Io::err(std::string_view text) const { static_cast<void>(write_all(err_, text)); }

Result<std::string> Io::read_in(std::size_t limit) const {
  return read_all(in_, limit, "stdin", interrupt_);
}

bool Io::err_is_terminal() const { return isatty(err_) == 1; }

Result<std::string> read_file_or_in(const Io& io, const std::string& path, std::size_t limit) {
  if (path == "-") return io.read_in(limit);
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return Status::not_found("open " + path + ": " + go_errno(errno));
  auto text = read_all(fd, limit, path);
  close(fd);
  return text;
}

Progress::Progress(const Io& io, std::string what, std::size_t total)
    : io_(io), what_(std::move(what)), total_(total) {}

Progress::~Progress() {
  if (shown_) io_.err("\r\x1b[K");
}

void Progress::at(std::size_t done) {
  if (!shown_ && !io_.err_is_terminal()) return;
  shown_ = true;
  std::string line = "\r" + std::to_string(done);
  if (total_ != 0) line += " of " + std::to_string(total_);
  io_.err(line + " " + what_ + "\x1b[K");
}

}  // namespace signet::cli
