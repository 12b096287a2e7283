#include "app/harden.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <malloc.h>
#include <thread>

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

namespace signet::kernel {
namespace {

bool env_is_one(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): no other thread yet
  return value != nullptr && std::strcmp(value, "1") == 0;
}

}  // namespace

Status check_environment() {
  if (env_is_one("SIGNET_ALLOW_PRELOAD")) return {};
  for (const char* name : {"LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT"}) {
    const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
    if (value != nullptr && *value != '\0') {
      return Status::failed_precondition(
          std::string(name) +
          " is set, which loads code that nobody checked; unset it, or set "
          "SIGNET_ALLOW_PRELOAD=1 if it is meant");
    }
  }
  return {};
}

void settle_process() {
  // Each arena keeps its own free memory, so the default of eight for each processor is most of an
  // idle process. Fewer than one for each thread that works at a time, and they wait for each
  // other.
  mallopt(M_ARENA_MAX,
          std::clamp(static_cast<int>(std::thread::hardware_concurrency()) + 2, 4, 32));
  mallopt(M_TRIM_THRESHOLD, 256 * 1024);
  mallopt(M_MMAP_THRESHOLD, 256 * 1024);
  umask(umask(077) | 027);
  // The usual soft limit, 1,024, is for programs that use select(): it would end a fleet there.
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
}

bool debugging() { return env_is_one("SIGNET_DEBUG"); }

void harden_process() {
  if (debugging()) return;
  const rlimit none = {0, 0};
  setrlimit(RLIMIT_CORE, &none);
#ifndef SIGNET_SANITIZED  // LeakSanitizer looks at the process from another one
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

}  // namespace signet::kernel
