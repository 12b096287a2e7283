// AttestorSet: the scope's workload attestors, each with workers of its own.
//
// An attestor that hangs takes its own workers at most. What it is asked meanwhile waits in its
// own line, so the others are asked at once; and no user takes all places of that line.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "signet/attestor.h"

#include "caller_process.h"
#include "lane.h"

namespace signet::agent {

class AttestorSet {
 public:
  struct Answer {
    Result<std::vector<std::string>> values;
    std::chrono::nanoseconds took{0};
  };
  using OnAnswer = std::function<void(Answer)>;
  /// Whether the answer is still wanted, and then whom it is about. Asked before an attestor is.
  using Wanted = std::function<std::shared_ptr<const CallerProcess>()>;

  explicit AttestorSet(Host host) : host_(std::move(host)) {}

  /// Looks the attestors up. Errors   kFailedPrecondition: there is none
  Status start();
  std::size_t size() const { return attestors_.size(); }
  const std::string& name(std::size_t n) const { return attestors_[n]->name; }

  /// Has attestor `n` asked on a worker; on_answer comes once, unless nobody wants it any more.
  /// Errors   kUnavailable: too much of the user's, or in all, waits for it; there is no worker
  Status ask(std::size_t n, std::uint32_t uid, Wanted wanted, std::int64_t deadline_ns,
             OnAnswer on_answer);
  /// The same on this thread.
  Answer ask_here(std::size_t n, const CallerProcess& caller, std::int64_t deadline_ns) const;

 private:
  struct Attestor {
    std::string name;
    ServiceHandle<signet_workload_attestor> handle;
    std::unique_ptr<Lane> lane;
  };
  static Answer ask_one(const Host& host, const Attestor& attestor, const CallerProcess& caller,
                        std::int64_t deadline_ns);

  Host host_;
  std::vector<std::shared_ptr<Attestor>> attestors_;  // shared with what still waits for one
};

}  // namespace signet::agent
