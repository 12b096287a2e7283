// What targets that run a whole role have in common: how they do not waste their seconds.
#pragma once

#include <vector>

namespace signet::fuzz {

// What a call leaves in a role's caches is not lost; to look for it after each costs most of the
// time, and so do long stacks of allocations. (The unit tests look for leaks.)
inline constexpr const char* kAsanOptions =
    "detect_leaks=0:malloc_context_size=3:quarantine_size_mb=32";

/// Of so many features a run, libFuzzer's weighing of rare ones costs several times the run itself.
/// For LLVMFuzzerInitialize.
inline void weigh_nothing(int* argc, char*** argv) {
  static char kPlainly[] = "-entropic=0";
  static std::vector<char*> words(*argv, *argv + *argc);
  words.insert(words.begin() + 1, kPlainly);
  words.push_back(nullptr);
  ++*argc;
  *argv = words.data();
}

}  // namespace signet::fuzz
