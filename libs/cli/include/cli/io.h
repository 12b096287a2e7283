// Io: the three streams of one command, as the kernel hands them over.
#pragma once

#include <string>
#include <string_view>

#include "signet/status.h"

namespace signet::cli {

class Interrupt;

class Io {
 public:
  /// interrupt: ends the wait for input; may be null, else outlives this.
  explicit Io(const int fds[3], const Interrupt* interrupt = nullptr)
      : in_(fds[0]), out_(fds[1]), err_(fds[2]), interrupt_(interrupt) {}

  /// Writes all of it. What cannot be written is remembered in failed().
  void out(std::string_view text);
  void err(std::string_view text) const;
  /// False once something could not be written to standard output (disk full, closed pipe).
  bool failed() const { return failed_; }

  /// Standard input to its end.
  /// Errors   kResourceExhausted beyond `limit` bytes, kCancelled by an interrupt, kUnknown
  Result<std::string> read_in(std::size_t limit) const;
  bool err_is_terminal() const;

 private:
  int in_, out_, err_;
  const Interrupt* interrupt_;
  bool failed_ = false;
};

/// The file `path` to its end, or standard input when `path` is "-".
/// Errors   "open PATH: no such file or directory", or as read_in()
Result<std::string> read_file_or_in(const Io& io, const std::string& path, std::size_t limit);

// One line on standard error that counts up while something long goes on. Silent unless
// standard error is a terminal; wiped from the screen at the end.
class Progress {
 public:
  /// what    "entries created"
  Progress(const Io& io, std::string what, std::size_t total);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  void at(std::size_t done);

 private:
  const Io& io_;
  std::string what_;
  std::size_t total_;
  bool shown_ = false;
};

}  // namespace signet::cli
