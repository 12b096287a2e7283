// CallerAttestor: from a local peer to its selectors, by asking every workload attestor.
//
// The attestors of the scope run side by side; one that fails or hangs neither blocks nor removes
// what the others found. A caller's result is shared by its calls for at most a second, and only
// while its process, executable, user and cgroup stay the same.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "signet/attestor.h"

#include "caller_process.h"
#include "identity_table.h"
#include "loop.h"

namespace signet::agent {

using SelectorsPtr = std::shared_ptr<const SelectorSet>;

class CallerAttestor {
 public:
  explicit CallerAttestor(Host host)
      : host_(std::move(host)), sweeper_(host_, [this] { return sweep(); }) {}

  /// Looks the attestors up. Errors   kFailedPrecondition: there is none
  Status start();

  /// The shared result, when there is a fresh one that still holds; else null. [nonblock]
  SelectorsPtr cached(const RpcPeer& peer);
  /// Attests. Blocks until all attestors answered or `deadline_ns`: from a worker only.
  /// Errors   kUnavailable "workload attestation failed"
  Result<SelectorsPtr> attest(const std::shared_ptr<const CallerProcess>& caller,
                              std::int64_t deadline_ns);

 private:
  struct Attestor {
    std::string name;
    ServiceHandle<signet_workload_attestor> handle;
  };
  struct Key {
    std::int32_t pid;
    std::uint64_t start_time;
    bool operator==(const Key&) const = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& k) const {
      return std::hash<std::uint64_t>{}(k.start_time * 31 + static_cast<std::uint32_t>(k.pid));
    }
  };
  struct Cached {
    std::shared_ptr<const CallerProcess> caller;
    ProcessFingerprint fingerprint;
    SelectorsPtr selectors;
    std::int64_t attested_ns = 0;
  };

  Result<SelectorSet> ask_all(const std::shared_ptr<const CallerProcess>& caller,
                              std::int64_t deadline_ns);
  void remember(const Key& key, Cached cached);
  /// Lets go of results that are too old, and with them of the descriptors of their processes;
  /// says when to look again.
  std::chrono::nanoseconds sweep();

  Host host_;
  std::vector<std::shared_ptr<Attestor>> attestors_;
  std::mutex mutex_;
  std::unordered_map<Key, std::shared_ptr<const Cached>, KeyHash> cache_;
  Loop sweeper_;  // last: it ends before what it looks at
};

}  // namespace signet::agent
