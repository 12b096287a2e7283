#include "app/every_thread.h"

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <dirent.h>
#include <memory>
#include <signal.h>
#include <unistd.h>
#include <vector>

#include <sys/syscall.h>

namespace signet::kernel {
namespace {

constexpr std::int64_t kPatienceMs = 5'000;

// Read by the signal handler.
void (*g_act)() = nullptr;

void answer(int) {
  const int saved = errno;
  g_act();
  errno = saved;
}

std::vector<pid_t> threads() {
  std::vector<pid_t> found;
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(opendir("/proc/self/task"), closedir);
  if (!folder) return found;
  while (const dirent* entry = readdir(folder.get())) {  // NOLINT(concurrency-mt-unsafe): own DIR
    if (entry->d_name[0] != '.')
      found.push_back(static_cast<pid_t>(std::strtol(entry->d_name, nullptr, 10)));
  }
  return found;
}

}  // namespace

bool on_every_thread(void (*act)(), bool (*lacks)(pid_t thread)) {
  g_act = act;
  g_act();
  struct sigaction ask = {};
  ask.sa_handler = answer;
  ask.sa_flags = SA_RESTART;
  sigfillset(&ask.sa_mask);
  if (sigaction(kAskSignal, &ask, nullptr) != 0) return false;
  // A thread that starts meanwhile has what its maker had, so all are looked at until none lacks
  // it. What they have is looked at, not what they answer: one may end with the signal still on its
  // way.
  bool any = true;
  for (std::int64_t waited = 0; any && waited < kPatienceMs; ++waited) {
    const std::vector<pid_t> all = threads();
    any = all.empty();
    for (const pid_t thread : all) {
      if (!lacks(thread)) continue;
      any = true;
      syscall(SYS_tgkill, getpid(), thread, kAskSignal);
    }
    const timespec pause = {0, 1'000'000};
    if (any) nanosleep(&pause, nullptr);
  }
  // The handler stays: a signal on its way to a thread that was slow must not end the process.
  return !any;
}

}  // namespace signet::kernel
