#include "attestor_set.h"

#include <algorithm>

namespace signet::agent {
namespace {

// Of the role's 32 workers, beside 16 that fetch JWT-SVIDs: all attestors may hang at once.
constexpr std::size_t kWorkers = 12;
constexpr std::size_t kMostOfOne = 8;
constexpr std::size_t kWaiting = 1024;

}  // namespace

Status AttestorSet::start() {
  std::vector<std::string> names =
      ServiceHandle<signet_workload_attestor>::names(host_, SIGNET_WORKLOAD_ATTESTOR);
  if (names.empty()) return Status::failed_precondition("no workload attestor is configured");
  const std::size_t share =
      std::clamp(kWorkers / names.size(), std::size_t{1}, std::size_t{kMostOfOne});
  // Whoever keeps an attestor busy, such as by programs that take long to hash, leaves places.
  const Lane::Share of_user{share == 1 ? 1 : share - std::max(share / 4, std::size_t{1}),
                            kWaiting / 4};
  for (std::string& name : names) {
    SIGNET_TRY(auto handle, ServiceHandle<signet_workload_attestor>::acquire(
                                host_, SIGNET_WORKLOAD_ATTESTOR, name));
    attestors_.push_back(std::make_shared<Attestor>(
        Attestor{std::move(name), std::move(handle),
                 std::make_unique<Lane>(host_, share, kWaiting, of_user)}));
  }
  return {};
}

Status AttestorSet::ask(std::size_t n, std::uint32_t uid, Wanted wanted, std::int64_t deadline_ns,
                        OnAnswer on_answer) {
  const auto work = [host = host_, attestor = attestors_[n], wanted = std::move(wanted),
                     deadline_ns, on_answer = std::move(on_answer)] {
    if (const auto caller = wanted()) on_answer(ask_one(host, *attestor, *caller, deadline_ns));
  };
  return attestors_[n]->lane->run(work, uid);
}

AttestorSet::Answer AttestorSet::ask_here(std::size_t n, const CallerProcess& caller,
                                          std::int64_t deadline_ns) const {
  return ask_one(host_, *attestors_[n], caller, deadline_ns);
}

AttestorSet::Answer AttestorSet::ask_one(const Host& host, const Attestor& attestor,
                                         const CallerProcess& caller, std::int64_t deadline_ns) {
  const std::int64_t began = host.monotonic_ns();
  Answer answer{attest_workload(attestor.handle, caller.peer(), deadline_ns), {}};
  answer.took = std::chrono::nanoseconds(host.monotonic_ns() - began);
  if (!answer.values) {
    host.error("Failed to collect all selectors for PID",
               {{"pid", caller.peer().pid},
                {"plugin_name", attestor.name},
                {"error", answer.values.status().message()}});
  }
  return answer;
}

}  // namespace signet::agent
