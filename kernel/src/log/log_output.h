// LogOutput: where one scope's records go, in what form and from which level.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "signet/status.h"

#include "log/log_format.h"

namespace spdlog::sinks {
class sink;
}

namespace signet::kernel {

class LogOutput {
 public:
  enum class Format { kText, kJson };
  enum class Stream { kStdout, kStderr };

  LogOutput(Stream stream, std::uint32_t level);
  ~LogOutput();

  /// Appends to `path` (created 0640) from now on; "" is the stream again.
  /// Errors   the file cannot be opened; the output stays as it was
  Status set_file(const std::string& path);
  bool has_file() const;
  /// Opens the file anew, for log rotation. Ok without a file.
  Status reopen();
  void set_format(Format format) { format_.store(format, std::memory_order_relaxed); }
  /// The level of the configuration: the present one and the one reset_level() returns to.
  void set_launch_level(std::uint32_t level);
  void set_level(std::uint32_t level) { level_.store(level, std::memory_order_relaxed); }
  void reset_level() { set_level(launch_level()); }
  std::uint32_t level() const { return level_.load(std::memory_order_relaxed); }
  std::uint32_t launch_level() const { return launch_level_.load(std::memory_order_relaxed); }
  bool enabled(std::uint32_t level) const { return level >= this->level(); }

  /// Writes one record and flushes it. Thread-safe; never throws.
  void write(std::uint32_t level, std::string_view message, std::vector<LogField> fields);

 private:
  std::shared_ptr<spdlog::sinks::sink> sink() const;

  const Stream stream_;
  std::atomic<std::uint32_t> level_;
  std::atomic<std::uint32_t> launch_level_;
  std::atomic<Format> format_{Format::kText};
  mutable std::mutex mutex_;  // guards sink_ and path_
  std::shared_ptr<spdlog::sinks::sink> sink_;
  std::string path_;
};

}  // namespace signet::kernel
