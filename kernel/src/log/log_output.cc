#include "log/log_output.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <spdlog/details/log_msg.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include "exec/timer_queue.h"

namespace signet::kernel {
namespace {

// The record is formatted here; the sink only adds the line end.
std::shared_ptr<spdlog::sinks::sink> bare(std::shared_ptr<spdlog::sinks::sink> sink) {
  sink->set_formatter(
      std::make_unique<spdlog::pattern_formatter>("%v", spdlog::pattern_time_type::utc));
  return sink;
}

std::shared_ptr<spdlog::sinks::sink> stream_sink(LogOutput::Stream stream) {
  if (stream == LogOutput::Stream::kStdout)
    return bare(std::make_shared<spdlog::sinks::stdout_sink_mt>());
  return bare(std::make_shared<spdlog::sinks::stderr_sink_mt>());
}

Result<std::shared_ptr<spdlog::sinks::sink>> file_sink(const std::string& path) {
  // Made here for its mode; the sink would create it by the umask alone.
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0640);
  if (fd < 0) {
    return Status::failed_precondition("cannot open log file " + path + ": " +
                                       strerror(errno));  // NOLINT(concurrency-mt-unsafe)
  }
  close(fd);
  try {
    return bare(std::make_shared<spdlog::sinks::basic_file_sink_mt>(path, false));
  } catch (const std::exception& e) {
    return Status::failed_precondition("cannot open log file " + path + ": " + e.what());
  }
}

}  // namespace

LogOutput::LogOutput(Stream stream, std::uint32_t level)
    : stream_(stream), level_(level), launch_level_(level), sink_(stream_sink(stream)) {}
LogOutput::~LogOutput() = default;

Status LogOutput::set_file(const std::string& path) {
  std::shared_ptr<spdlog::sinks::sink> next;
  if (path.empty()) {
    next = stream_sink(stream_);
  } else {
    SIGNET_TRY(next, file_sink(path));
  }
  const std::lock_guard lock(mutex_);
  sink_ = std::move(next);
  path_ = path;
  return {};
}

bool LogOutput::has_file() const {
  const std::lock_guard lock(mutex_);
  return !path_.empty();
}

Status LogOutput::reopen() {
  std::string path;
  {
    const std::lock_guard lock(mutex_);
    path = path_;
  }
  return path.empty() ? Status() : set_file(path);
}

void LogOutput::set_launch_level(std::uint32_t level) {
  launch_level_.store(level, std::memory_order_relaxed);
  set_level(level);
}

std::shared_ptr<spdlog::sinks::sink> LogOutput::sink() const {
  const std::lock_guard lock(mutex_);
  return sink_;
}

void LogOutput::write(std::uint32_t level, std::string_view message, std::vector<LogField> fields) {
  try {
    const std::string line = format_.load(std::memory_order_relaxed) == Format::kJson
                                 ? format_json(wall_ns(), level, message, std::move(fields))
                                 : format_text(wall_ns(), level, message, std::move(fields));
    const auto out = sink();
    out->log(spdlog::details::log_msg("", spdlog::level::info, line));
    out->flush();
  } catch (...) {  // a full disk must not end the process; there is nowhere to say so
  }
}

}  // namespace signet::kernel
