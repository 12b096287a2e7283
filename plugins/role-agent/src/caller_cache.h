// CallerCache: what callers were found to be, remembered for at most a second.
//
// Keyed by process ID and start time; that it is the same process and not one that got its ID
// within the same tick is shown by both pidfds: two living processes cannot share an ID. An entry
// goes when the process's executable, user, group or cgroup is another; when the cache is full,
// the one that was not used for longest goes.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "caller_process.h"
#include "identity_table.h"

namespace signet::agent {

using SelectorsPtr = std::shared_ptr<const SelectorSet>;

// The process behind a call, as far as its number and its age name it.
struct CallerKey {
  std::int32_t pid = 0;
  std::uint64_t start_time = 0;
  bool operator==(const CallerKey&) const = default;
};
struct CallerKeyHash {
  std::size_t operator()(const CallerKey& k) const {
    return std::hash<std::uint64_t>{}(k.start_time * 31 + static_cast<std::uint32_t>(k.pid));
  }
};

class CallerCache {
 public:
  static constexpr std::int64_t kFreshNs = 1'000'000'000;
  // Each holds two descriptors, so the number is bounded well below what a process may have open.
  static constexpr std::size_t kMost = 256;

  explicit CallerCache(std::size_t most = kMost) : most_(most) {}

  struct Found {
    std::shared_ptr<const CallerProcess> caller;
    ProcessFingerprint fingerprint;
    SelectorsPtr selectors;
    std::int64_t attested_ns = 0;  // monotonic, when the attestation began
  };

  /// What is remembered of the peer and holds at this moment; else null. [nonblock]
  SelectorsPtr find(const RpcPeer& peer, std::int64_t now_ns);
  /// True when it is the first: forget_old() has something to do from now on.
  bool remember(Found found);
  /// Lets go of what is too old, and of the descriptors with it; false when nothing is left.
  bool forget_old(std::int64_t now_ns);

 private:
  using Entries = std::list<std::shared_ptr<const Found>>;  // the one used last is first
  void drop(const CallerKey& key, const std::shared_ptr<const Found>& found);

  const std::size_t most_;
  std::mutex mutex_;
  Entries entries_;
  std::unordered_map<CallerKey, Entries::iterator, CallerKeyHash> by_key_;
};

}  // namespace signet::agent
