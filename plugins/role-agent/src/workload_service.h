// WorkloadService: the methods of SpiffeWorkloadAPI.
//
// A caller that was attested less than a second ago, and for which everything is at hand, is
// answered on the transport's thread; the others on a worker.
#pragma once

#include <atomic>
#include <functional>
#include <memory>

#include "signet/rpc/listener.h"

#include "caller_attestor.h"
#include "caller_limits.h"
#include "hold.h"
#include "identity_table.h"
#include "lane.h"
#include "open_calls.h"
#include "workload_answer.h"
#include "workload_endpoint.h"

namespace signet::agent {

class WorkloadService {
 public:
  WorkloadService(Host host, const WorkloadOptions& options, CallerAttestor& attestor,
                  CallerLimits& limits, IdentityTable& table, JwtSource& jwt, Hold& hold,
                  std::function<bool()> ready)
      : host_(std::move(host)),
        options_(options),
        attestor_(attestor),
        limits_(limits),
        table_(table),
        jwt_(jwt),
        hold_(hold),
        ready_(std::move(ready)),
        token_fetches_(host_, kTokenFetchesAtOnce, kTokenFetchesWaiting) {}

  Status register_methods(RpcListener& listener);
  /// grpc.health.v1.Health, for the API itself: serving while whoever asks can be attested.
  Status register_health(RpcListener& listener);
  /// Ends every open stream, so that a drain need not wait for them.
  void end_streams();

  using Serve = std::function<void(const SelectorSet&)>;
  /// Attests the caller and goes on with serve(), at once or on a worker, or ends the call, also
  /// when it is one call too many.
  void with_limit(const std::shared_ptr<ServerCall>& call, Serve serve);

 private:
  // Of the role's 32 workers; a server that does not answer holds each for up to half a minute.
  static constexpr std::size_t kTokenFetchesAtOnce = 16;
  static constexpr std::size_t kTokenFetchesWaiting = 4096;

  /// The same without a limit.
  void with_selectors(const std::shared_ptr<ServerCall>& call, Serve serve);
  using Enough = std::function<bool(const WorkloadUpdate&)>;
  /// with_limit() once the caller sees enough, or has waited for long.
  void with_entries(const std::shared_ptr<ServerCall>& call, Enough enough, Serve serve);
  /// Runs fn on a worker, or ends the call when there is none.
  void on_worker(const std::shared_ptr<ServerCall>& call, std::function<void()> fn);

  Status register_stream(RpcListener& listener, const char* method, AnswerKind kind);
  Status register_jwt(RpcListener& listener);
  Status register_wit(RpcListener& listener);
  void open_stream(const std::shared_ptr<ServerCall>& call, AnswerKind kind);
  void open_wit_stream(const std::shared_ptr<ServerCall>& call, const std::string& spiffe_id);

  Host host_;
  const WorkloadOptions& options_;
  CallerAttestor& attestor_;
  CallerLimits& limits_;
  IdentityTable& table_;
  JwtSource& jwt_;
  Hold& hold_;
  const std::function<bool()> ready_;
  Lane token_fetches_;
  std::atomic<bool> ending_{false};
  OpenCalls streams_;
};

}  // namespace signet::agent
