// CallerAttestor: from a local peer to its selectors, by asking every workload attestor.
//
// The attestors of the scope run side by side, each on workers of its own; one that fails or hangs
// neither blocks nor removes what the others found. Calls of the same process that come while it
// is being attested share that attestation; one that every attestor answered is shared for at most
// a second longer, and only while the process, its executable, user, group and cgroup stay the
// same.
//
// How long a call waits. With several attestors at most kPatience for one that hangs, and at most
// half of the time its caller left it; then it goes on with what the others found. With a single
// attestor kPatienceWithOne, since there is nothing to go on with. What was found without a
// straggler is not remembered: the next call asks all of them anew.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "signet/rpc/server_call.h"

#include "attestor_set.h"
#include "caller_cache.h"
#include "loop.h"

namespace signet::agent {

/// What one attestor says of a process.
struct AttestorReport {
  std::string name;
  std::chrono::nanoseconds took{0};
  Status status;
  std::vector<std::string> values;
  bool answered = false;  // else it was still at it
};

class CallerAttestor {
 public:
  static constexpr std::chrono::seconds kPatience{5};
  static constexpr std::chrono::seconds kPatienceWithOne{30};
  using Done = std::function<void(const Result<SelectorsPtr>&)>;

  explicit CallerAttestor(Host host);
  CallerAttestor(const CallerAttestor&) = delete;
  CallerAttestor& operator=(const CallerAttestor&) = delete;
  ~CallerAttestor();

  /// Looks the attestors up, once. Errors   kFailedPrecondition: there is none
  Status start();
  /// Answers who waits, with kUnavailable; nobody is attested any more. When it returns, no `done`
  /// is running. Not from within one.
  void stop();

  /// The shared result, when there is a fresh one that still holds; else null. [nonblock]
  SelectorsPtr cached(const RpcPeer& peer);
  /// Attests, or waits for an attestation of the same process that is under way. `done` is called
  /// once, on a worker or before this returns. [nonblock]
  /// Errors   kUnavailable: "workload attestation failed", "the agent is overloaded"
  void attest(const std::shared_ptr<const CallerProcess>& caller, std::int64_t deadline_ns,
              Done done);
  /// Attests the caller of a call, in its handler: at once when the result is shared.
  /// Errors   kUnavailable
  void attest_caller(const std::shared_ptr<ServerCall>& call, Done done);
  /// Asks every attestor anew, for `explain`: never from the cache. Each has the time that it has
  /// for a caller. Blocks until all answered or `deadline_ns`; one that did not answer by then has
  /// kDeadlineExceeded.
  std::vector<AttestorReport> examine(const std::shared_ptr<const CallerProcess>& caller,
                                      std::int64_t deadline_ns);

 private:
  struct Flight;
  struct Shared;  // with answers that come late
  std::chrono::nanoseconds sweep();

  const std::shared_ptr<Shared> shared_;
  Loop sweeper_;  // last: it ends before what it looks at
};

}  // namespace signet::agent
