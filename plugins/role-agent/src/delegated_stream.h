// DelegatedStream: one open SubscribeToX509SVIDs, SubscribeToX509Bundles or SubscribeToJWTBundles.
//
// It sends the complete state whenever that changes, and ends when its caller is no delegate any
// more, or when the process that it was opened for has gone. A reader that lags gets the latest
// state when it reads on.
#pragma once

#include <functional>
#include <memory>
#include <mutex>

#include "signet/rpc/server_call.h"

#include "caller_process.h"
#include "identity_table.h"
#include "workload_answer.h"

namespace signet::agent {

class DelegatedStream : public std::enable_shared_from_this<DelegatedStream> {
 public:
  /// Whether a caller that sees this may go on. Errors   kPermissionDenied
  using Check = std::function<Status(const WorkloadUpdate& caller)>;

  DelegatedStream(Host host, std::shared_ptr<ServerCall> call, AnswerKind kind, Check check)
      : host_(std::move(host)), call_(std::move(call)), kind_(kind), check_(std::move(check)) {}

  /// In the call's handler: from now on the call keeps the stream, until it is over.
  void bind();
  /// Subscribes for the caller, and for what it wants to see, and sends what there is, now or
  /// later, from any thread. Does not block. For the bundle calls selectors are not looked at.
  /// process   whose selectors they are, when the caller named one; else null
  void open(IdentityTable& table, const SelectorSet& caller, const SelectorSet& selectors,
            std::shared_ptr<const CallerProcess> process);

 private:
  using Subscriptions = std::pair<std::unique_ptr<Subscription>, std::unique_ptr<Subscription>>;
  void update();
  bool presentable(const WorkloadUpdate& now);
  Result<Blob> answer(const WorkloadUpdate& now) const;

  const Host host_;
  const std::shared_ptr<ServerCall> call_;
  const AnswerKind kind_;
  const Check check_;
  std::mutex mutex_;             // update() comes from the table's workers and from the transport
  Subscriptions subscriptions_;  // the caller's own, and what it wants to see
  std::shared_ptr<const CallerProcess> process_;
  std::uint64_t sent_version_ = 0;
  bool sent_any_ = false;
  bool over_ = false;
};

}  // namespace signet::agent
