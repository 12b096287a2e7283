// WorkloadStream: one open FetchX509SVID, FetchX509Bundles, FetchJWTBundles or FetchWITBundles.
//
// It subscribes for the caller's selectors and sends the complete state whenever that changes. A
// reader that lags gets the latest state when it reads on, not what it missed.
#pragma once

#include <memory>
#include <mutex>

#include "signet/rpc/server_call.h"

#include "caller_attestor.h"
#include "identity_table.h"
#include "workload_answer.h"

namespace signet::agent {

class WorkloadStream : public std::enable_shared_from_this<WorkloadStream> {
 public:
  /// own_bundle_for_all: a caller without an identity still gets our own bundle (bundle calls).
  WorkloadStream(Host host, std::shared_ptr<ServerCall> call, AnswerKind kind,
                 bool own_bundle_for_all)
      : host_(std::move(host)),
        call_(std::move(call)),
        kind_(kind),
        own_bundle_for_all_(own_bundle_for_all),
        pid_(call_->peer().pid) {}

  /// In the call's handler: from now on the call keeps the stream, until it is over.
  void bind();
  /// Subscribes and sends what there is, now or later, from any thread. Does not block.
  /// loggable   of the selectors, should there be no identity: see no_identity.h
  void open(IdentityTable& table, const SelectorSet& selectors, std::string loggable);

 private:
  void update();
  bool send(const Blob& answer);
  void refuse(const WorkloadUpdate& update);

  Host host_;
  std::shared_ptr<ServerCall> call_;
  const AnswerKind kind_;
  const bool own_bundle_for_all_;
  const std::int32_t pid_;
  std::mutex mutex_;  // update() comes from the table's workers and from the transport
  std::unique_ptr<Subscription> subscription_;
  std::uint64_t sent_version_ = 0;
  Blob sent_;  // bundle calls: the last answer, which is not sent twice in a row
  bool sent_any_ = false;
  std::string loggable_;
  bool over_ = false;
};

}  // namespace signet::agent
