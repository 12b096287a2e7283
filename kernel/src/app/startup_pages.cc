#include "app/startup_pages.h"

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <malloc.h>
#include <memory>
#include <string_view>

#include <sys/mman.h>

namespace signet::kernel {

namespace {

struct Mapping {
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;
  std::string_view rest;  // "r-xp 00000000 08:01 1234 /usr/lib/libc.so.6"
};

// A line of /proc/PID/maps (proc(5)): "begin-end rest", in hexadecimal. false: it is something
// else.
bool read_mapping(std::string_view line, Mapping& out) {
  const char* const end = line.data() + line.size();
  const auto begins = std::from_chars(line.data(), end, out.begin, 16);
  if (begins.ec != std::errc() || begins.ptr == end || *begins.ptr != '-') return false;
  const auto ends = std::from_chars(begins.ptr + 1, end, out.end, 16);
  if (ends.ec != std::errc() || ends.ptr == end || *ends.ptr != ' ') return false;
  out.rest = std::string_view(ends.ptr + 1, static_cast<std::size_t>(end - ends.ptr - 1));
  return true;
}

// Each handshake and each SVID needs it again.
bool used_again(std::string_view mapping) {
  return mapping.find("/libcrypto.so") != std::string_view::npos;
}

}  // namespace

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
    Mapping mapping;
    if (!read_mapping(line, mapping)) continue;
    // Text only: it is never written to, so the file has all of it. Data that is read-only now
    // (relro) was written at the start, and dropping it would undo the relocations.
    if (!mapping.rest.starts_with("r-xp ") || mapping.rest.find('/') == std::string_view::npos) {
      continue;
    }
    if (used_again(mapping.rest)) continue;
    const std::size_t size = mapping.end - mapping.begin;
    if (madvise(reinterpret_cast<void*>(mapping.begin), size, MADV_DONTNEED) == 0) {
      released += size;
    }
  }
  return released;
}

}  // namespace signet::kernel
