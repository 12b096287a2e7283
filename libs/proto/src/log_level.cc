#include "proto/log_level.h"

namespace signet::proto {
namespace {

namespace types = spire::api::types;

types::LogLevel to_api(std::uint32_t level) {
  switch (level) {
    case SIGNET_LOG_TRACE:
      return types::TRACE;
    case SIGNET_LOG_DEBUG:
      return types::DEBUG;
    case SIGNET_LOG_INFO:
      return types::INFO;
    case SIGNET_LOG_WARN:
      return types::WARN;
    case SIGNET_LOG_ERROR:
      return types::ERROR;
    default:
      return types::FATAL;
  }
}

Result<std::uint32_t> from_api(types::LogLevel level) {
  switch (level) {
    case types::UNSPECIFIED:
      return Status::invalid_argument("newLevel value cannot be LogLevel_UNSPECIFIED");
    case types::PANIC:
    case types::FATAL:
      return std::uint32_t{SIGNET_LOG_FATAL};
    case types::ERROR:
      return std::uint32_t{SIGNET_LOG_ERROR};
    case types::WARN:
      return std::uint32_t{SIGNET_LOG_WARN};
    case types::INFO:
      return std::uint32_t{SIGNET_LOG_INFO};
    case types::DEBUG:
      return std::uint32_t{SIGNET_LOG_DEBUG};
    case types::TRACE:
      return std::uint32_t{SIGNET_LOG_TRACE};
    default:
      return Status::invalid_argument("unsupported log level");
  }
}

Result<types::Logger> change(const Host& host, std::uint32_t level) {
  if (const auto* log = host.service<signet_host_log>(SIGNET_HOST_LOG)) {
    log->set_level(host.abi(), level);
  }
  return log_level(host);
}

}  // namespace

Result<types::Logger> log_level(const Host& host) {
  const auto* log = host.service<signet_host_log>(SIGNET_HOST_LOG);
  if (log == nullptr) return Status::unavailable("the host has no log");
  types::Logger answer;
  std::uint32_t launch = SIGNET_LOG_INFO;
  answer.set_current_level(to_api(log->level(host.abi(), &launch)));
  answer.set_launch_level(to_api(launch));
  return answer;
}

Result<types::Logger> set_log_level(const Host& host, types::LogLevel level) {
  SIGNET_TRY(const std::uint32_t number, from_api(level));
  return change(host, number);
}

Result<types::Logger> reset_log_level(const Host& host) { return change(host, UINT32_MAX); }

}  // namespace signet::proto
