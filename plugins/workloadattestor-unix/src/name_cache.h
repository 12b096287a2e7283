// NameCache: user and group names by number, remembered for ten seconds.
//
// A look-up may go to a directory server and take long; a workload that fetches often must not
// pay it each time. Ten seconds is how stale a renamed user may be.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

namespace signet::unix_attestor {

// What a look-up found: a name; no name (cached too); or that it failed (not cached).
struct NameLookup {
  std::optional<std::string> name;
  bool failed = false;
};

NameLookup look_up_user(std::uint32_t uid);
NameLookup look_up_group(std::uint32_t gid);

class NameCache {
 public:
  using Function = std::function<NameLookup(std::uint32_t id)>;
  static constexpr std::chrono::nanoseconds kLifetime = std::chrono::seconds(10);
  static constexpr std::size_t kMaxEntries = 4096;

  explicit NameCache(Function look_up) : look_up_(std::move(look_up)) {}

  /// The name, or nothing. `now_ns` is the host's monotonic clock. Thread-safe; no lock is held
  /// during a look-up.
  std::optional<std::string> find(std::uint32_t id, std::int64_t now_ns);

 private:
  struct Entry {
    std::optional<std::string> name;
    std::int64_t until_ns;
  };
  Function look_up_;
  std::mutex mutex_;  // guards entries_
  std::unordered_map<std::uint32_t, Entry> entries_;
};

}  // namespace signet::unix_attestor
