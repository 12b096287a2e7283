// DelegatedService: spire.api.agent.delegatedidentity.v1.DelegatedIdentity.
//
// A delegate is a workload whose SPIFFE ID the agent's settings name. It gets the identities of
// other workloads of the node: of a process, which the agent attests, or of selectors, for which
// the delegate vouches. Nobody is held here.
#pragma once

#include <atomic>
#include <functional>
#include <set>
#include <string>

#include "admin_endpoint.h"
#include "caller_attestor.h"
#include "delegated_stream.h"
#include "lane.h"
#include "open_calls.h"

namespace signet::agent {

class DelegatedService final : public AdminService {
 public:
  /// delegates   SPIFFE IDs
  /// ready       whether the agent has been level with its server: before, nobody is refused an
  ///             identity for good
  DelegatedService(Host host, const std::vector<std::string>& delegates, CallerAttestor& attestor,
                   IdentityTable& table, JwtSource& jwt, std::function<bool()> ready);

  Status register_methods(RpcListener& listener) override;
  void end_streams() override;

 private:
  // Of the role's 32 workers, beside 16 for the Workload API's tokens and 12 of the attestors.
  static constexpr std::size_t kJwtFetchesAtOnce = 4;
  static constexpr std::size_t kJwtFetchesWaiting = 1024;
  // That calls under way have pinned, each with two descriptors.
  static constexpr int kMostProcesses = 1024;

  struct Target {
    SelectorsPtr selectors;
    std::shared_ptr<const CallerProcess> process;  // when it was named; else null
  };
  using Authorized = std::function<void(const SelectorsPtr& caller)>;
  using Found = std::function<void(const Target&)>;

  /// Goes on with serve() when the caller is a delegate, else ends the call.
  void authorize(const std::shared_ptr<ServerCall>& call, Authorized serve);
  Status check(const WorkloadUpdate& caller) const;
  /// Whom the caller asks for; ends the call when that cannot be found out.
  template <typename Request>
  void find_target(const std::shared_ptr<ServerCall>& call, const Request& request,
                   const Found& found);
  /// Ends the call when there is no such process, or too many are looked after.
  void attest_process(const std::shared_ptr<ServerCall>& call, std::int32_t pid, Found found);
  std::shared_ptr<DelegatedStream> open_stream(const std::shared_ptr<ServerCall>& call,
                                               AnswerKind kind);
  Status register_svids(RpcListener& listener);
  Status register_bundles(RpcListener& listener, const char* method, AnswerKind kind);
  Status register_jwt(RpcListener& listener);

  const Host host_;
  const std::set<std::string> delegates_;
  CallerAttestor& attestor_;
  IdentityTable& table_;
  JwtSource& jwt_;
  const std::function<bool()> ready_;
  Lane jwt_fetches_;
  const std::shared_ptr<std::atomic<int>> processes_ = std::make_shared<std::atomic<int>>(0);
  std::atomic<bool> ending_{false};
  OpenCalls streams_;
};

}  // namespace signet::agent
