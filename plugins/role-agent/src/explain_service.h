// ExplainService: why a process, or a set of selectors, is given an identity by this agent or none.
//
// On the admin socket. What the agent cannot know (entries that expired, that are another's, that
// it was not told of yet) it asks its server; a server that is not ours does not answer that, and
// the explanation says so. How the facts are judged: libs/explain.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "signet/explain/v1/explain.pb.h"

#include "admin_endpoint.h"
#include "agent_identity.h"
#include "caller_attestor.h"
#include "explain/facts.h"
#include "explain/redact.h"
#include "identity_store.h"
#include "lane.h"
#include "server_api.h"
#include "server_clock.h"

namespace signet::agent {

// How far the agent itself is.
struct AgentStanding {
  bool banned = false;
  bool synced = false;         // it has had its entries once
  std::uint64_t revision = 0;  // of the server's log, that it was told up to; 0: it is not told
  std::string why;             // it is not further
  std::chrono::seconds clock_off{0};  // see ServerTrust
  std::optional<ServerClock::Reading> clock = std::nullopt;
  std::int64_t heard_ns = 0;  // when the server answered last (monotonic); 0: not yet
};

class ExplainService final : public AdminService {
 public:
  // Each may wait for attestors and for the server, on a worker that callers need.
  static constexpr std::size_t kAtOnce = 2;
  static constexpr std::size_t kWaiting = 64;

  /// redacted   of which kinds selectors are shown without their values
  /// attestor   started before this is
  ExplainService(Host host, explain::Redacted redacted, CallerAttestor& attestor,
                 const AgentIdentity& identity, const IdentityStore& store, ServerApi& server,
                 std::function<AgentStanding()> standing)
      : host_(std::move(host)),
        redacted_(std::move(redacted)),
        attestor_(attestor),
        identity_(identity),
        store_(store),
        server_(server),
        standing_(std::move(standing)),
        explanations_(host_, kAtOnce, kWaiting) {}

  // AdminService
  Status register_methods(RpcListener& listener) override;

  /// Blocks: from a worker only. Within a second, unless attestors are to have more time.
  /// Errors   kInvalidArgument: not exactly one thing is asked for; the time is none
  Result<explain::v1::Explanation> explain(const explain::v1::ExplainWorkloadRequest& request);

 private:
  Status attest(std::int32_t pid, std::chrono::milliseconds patience, explain::Facts& facts);
  void add_agent(explain::Facts& facts) const;
  void add_own(explain::Facts& facts) const;
  void ask(std::int64_t deadline_ns, std::chrono::milliseconds patience,
           explain::Facts& facts) const;
  Result<explain::v1::AskAboutCallerResponse> ask_server(
      const explain::v1::AskAboutCallerRequest& request, std::int64_t deadline_ns) const;
  void take_failure(const Status& why, std::chrono::milliseconds patience,
                    explain::Facts& facts) const;
  void recall(explain::Facts& facts) const;
  void take(const explain::v1::AskAboutCallerResponse& answer, explain::Facts& facts) const;
  void add_bundles(std::int64_t deadline_ns, explain::Facts& facts) const;

  const Host host_;
  const explain::Redacted redacted_;
  CallerAttestor& attestor_;
  const AgentIdentity& identity_;
  const IdentityStore& store_;
  ServerApi& server_;
  const std::function<AgentStanding()> standing_;
  Lane explanations_;
};

}  // namespace signet::agent
