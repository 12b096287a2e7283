#include "app/run_loop.h"

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <deque>
#include <mutex>
#include <optional>
#include <signal.h>
#include <string_view>
#include <unistd.h>
#include <utility>

#include "app/confine.h"
#include "app/harden.h"
#include "app/signals.h"
#include "app/startup_pages.h"

namespace signet::kernel {
namespace {

// How long after its start a role is past what it does only once.
constexpr std::chrono::seconds kSettled{10};

// What the main thread is to do next, in order of arrival.
class Events {
 public:
  struct Event {
    int signal = 0;  // 0: quit
    int code = 0;
    std::string reason;
  };
  void push(Event event) {
    const std::lock_guard lock(mutex_);
    events_.push_back(std::move(event));
    arrived_.notify_one();
  }
  /// False when nothing came in that time.
  bool wait_for(std::chrono::seconds time) {
    std::unique_lock lock(mutex_);
    return arrived_.wait_for(lock, time, [&] { return !events_.empty(); });
  }
  Event wait() {
    std::unique_lock lock(mutex_);
    arrived_.wait(lock, [&] { return !events_.empty(); });
    Event event = std::move(events_.front());
    events_.pop_front();
    return event;
  }
  /// The next one if it is there already.
  std::optional<Event> take() {
    const std::lock_guard lock(mutex_);
    if (events_.empty()) return std::nullopt;
    Event event = std::move(events_.front());
    events_.pop_front();
    return event;
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<Event> events_;
};

void tell_why(Process& process, int code, const std::string& reason) {
  if (reason.empty()) return;
  process.system()->write(code == 0 ? SIGNET_LOG_INFO : SIGNET_LOG_ERROR, "Stopping",
                          {{"reason", reason}});
  if (code != 0) std::fprintf(stderr, "Error: %s\n", reason.c_str());
}

// What the machine lacks is said and gone without.
Status as_far_as_possible(Process& process, std::string_view lacking, Status done) {
  if (done.code() != Code::kUnimplemented) return done;
  process.system()->write(SIGNET_LOG_WARN, lacking, {{"reason", done.message()}});
  return {};
}

// What the process cannot do from here on: before the role reads its file, and anybody is heard.
Status confine(Process& process, Supervisor& supervisor, const PluginFile& role) {
  SIGNET_TRY(const RoleInfo info, supervisor.describe(role));
  SIGNET_TRY(const std::uint64_t needed, parse_capabilities(info.capabilities));
  SIGNET_TRY(const std::uint64_t besides, capabilities_kept_by_environment());
  SIGNET_RETURN_IF_ERROR(drop_capabilities(needed | besides));
  if (debugging()) return {};
  if (info.confine_writes) {
    supervisor.on_configured([&process] {
      return as_far_as_possible(process, "Writing is not confined",
                                confine_writes(process.writes().settle()));
    });
  }
  return as_far_as_possible(process, "System calls are not filtered", filter_system_calls());
}

}  // namespace

int run_role(Process& process, Supervisor& supervisor, const PluginFile& role,
             const ConfigSource& source) {
  harden_process();
  if (const Status confined = confine(process, supervisor, role); !confined.ok()) {
    std::fprintf(stderr, "Error: %s\n", confined.message().c_str());
    return 1;
  }
  Events events;
  process.on_quit([&](int code, const std::string& reason) { events.push({0, code, reason}); });
  int stops = 0;
  const SignalThread signals([&](int signal) {
    if (signal == SIGINT || signal == SIGTERM) {
      // The second one means now: the operator has waited long enough.
      if (++stops > 1) _exit(128 + signal);
      process.request_stop();
    }
    events.push({signal, 0, {}});
  });

  const Status started = supervisor.start_role(role, source);
  if (!started.ok()) {
    const bool told = process.stop_requested() && started.code() == Code::kCancelled;
    supervisor.stop_all();
    process.on_quit(nullptr);
    if (told) {
      // A scope that the role had started may have quit while the role was still starting.
      while (const auto event = events.take()) {
        if (event->signal == 0) tell_why(process, event->code, event->reason);
      }
      return process.quit_code().value_or(0);
    }
    std::fprintf(stderr, "Error: %s\n", started.message().c_str());
    // Standard error has it already; a log file, if one was opened, gets it too.
    if (process.system()->log().has_file()) {
      process.system()->write(SIGNET_LOG_ERROR, "Fatal run error", {{"error", started.message()}});
    }
    return 1;
  }
  if (!events.wait_for(kSettled)) release_startup_pages();

  int code = 0;
  for (;;) {
    const Events::Event event = events.wait();
    if (event.signal == SIGHUP) {
      supervisor.reload();
    } else if (event.signal == SIGUSR1) {
      supervisor.reread_data_files();
    } else if (event.signal == SIGUSR2) {
      supervisor.reopen_logs();
    } else {
      code = event.code;
      if (event.signal == 0) tell_why(process, code, event.reason);
      break;
    }
  }
  supervisor.stop_all();
  process.on_quit(nullptr);
  return code;
}

}  // namespace signet::kernel
