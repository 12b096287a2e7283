#include "app/startup_pages.h"

#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <malloc.h>
#include <memory>

#include <sys/mman.h>

namespace signet::kernel {

// Loading some sixty libraries runs their constructors and relocations once, and each fault maps
// sixteen pages around it: two thirds of what is resident then is text nobody runs again.
std::size_t release_startup_pages() {
  malloc_trim(0);
  const std::unique_ptr<FILE, int (*)(FILE*)> maps(std::fopen("/proc/self/maps", "re"),
                                                   &std::fclose);
  if (!maps) return 0;
  std::size_t released = 0;
  char line[4096 + 128];
  while (std::fgets(line, sizeof line, maps.get()) != nullptr) {
    std::uintptr_t begin = 0;
    std::uintptr_t end = 0;
    char mode[5] = {};
    if (std::sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s", &begin, &end, mode) != 3) continue;
    // Text only: it is never written to, so the file has all of it. Data that is read-only now
    // (relro) was written at the start, and dropping it would undo the relocations.
    if (std::strcmp(mode, "r-xp") != 0 || std::strchr(line, '/') == nullptr) continue;
    if (madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED) == 0) {
      released += end - begin;
    }
  }
  return released;
}

}  // namespace signet::kernel
