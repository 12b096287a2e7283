// signet.host.log, .clock, .timer, .executor: thin doors to log/ and exec/.
#include "host/host_table.h"
#include "life/instance.h"
#include "life/scope.h"

namespace signet::kernel {
namespace {

std::string_view view(signet_str s) {
  return s.ptr ? std::string_view(s.ptr, s.len) : std::string_view();
}

std::uint32_t log_enabled(const signet_host* host, std::uint32_t level) {
  return caller_of(host).scope().log().enabled(level) ? 1 : 0;
}

void log_write(const signet_host* host, std::uint32_t level, signet_str message,
               const signet_field* given, size_t n) {
  Instance& caller = caller_of(host);
  if (!caller.scope().log().enabled(level)) return;
  constexpr std::size_t kMaxFields = 64;
  std::vector<LogField> fields;
  if (!caller.type().empty()) {
    fields.push_back({"plugin_name", caller.short_name()});
    fields.push_back({"plugin_type", caller.type()});
    fields.push_back({"subsystem_name", "catalog"});
  } else if (caller.scope().name().empty()) {
    fields.push_back({"subsystem_name", caller.short_name()});
  }
  for (std::size_t i = 0; i < n && i < kMaxFields; ++i) {
    fields.push_back({view(given[i].key), view(given[i].text), given[i].number, given[i].type});
  }
  caller.scope().write(level, view(message), fields);
}

std::uint32_t log_level(const signet_host* host, std::uint32_t* launch) {
  LogOutput& log = caller_of(host).scope().log();
  if (launch != nullptr) *launch = log.launch_level();
  return log.level();
}

void log_set_level(const signet_host* host, std::uint32_t level) {
  LogOutput& log = caller_of(host).scope().log();
  if (level == UINT32_MAX) {
    log.reset_level();
  } else {
    log.set_level(level > SIGNET_LOG_FATAL ? SIGNET_LOG_FATAL : level);
  }
}

std::int64_t clock_monotonic(const signet_host*) { return monotonic_ns(); }
std::int64_t clock_wall(const signet_host*) { return wall_ns(); }

signet_status timer_start(const signet_host* host, std::int64_t deadline_ns, std::int64_t period_ns,
                          void (*fn)(void*), void* arg, std::uint64_t* id) {
  if (fn == nullptr || id == nullptr) return SIGNET_INVALID_ARGUMENT;
  Instance& caller = caller_of(host);
  // The id is written before the timer can fire: fn may want to cancel itself by it.
  caller.timers().start(caller.shared_lane(), deadline_ns, period_ns, fn, arg, id);
  return SIGNET_OK;
}

void timer_cancel(const signet_host* host, std::uint64_t id) {
  caller_of(host).timers().cancel(id);
}

signet_status executor_post(const signet_host* host, void (*fn)(void*), void* arg) {
  if (fn == nullptr) return SIGNET_INVALID_ARGUMENT;
  return caller_of(host).lane().post(fn, arg) ? SIGNET_OK : SIGNET_RESOURCE_EXHAUSTED;
}

}  // namespace

const signet_host_log kHostLog = {sizeof(signet_host_log), 0, &log_enabled, &log_write, &log_level,
                                  &log_set_level};
const signet_host_clock kHostClock = {sizeof(signet_host_clock), 0, &clock_monotonic, &clock_wall};
const signet_host_timer kHostTimer = {sizeof(signet_host_timer), 0, &timer_start, &timer_cancel};
const signet_host_executor kHostExecutor = {sizeof(signet_host_executor), 0, &executor_post};

}  // namespace signet::kernel
