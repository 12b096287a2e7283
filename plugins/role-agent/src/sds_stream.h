// SdsStream: one open call of SDS. It subscribes for the caller's selectors and answers what its
// requests ask for, now and after each change. A reader that lags gets the latest state when it
// reads on, not what it missed; requests are read one at a time.
//
// SdsStateStream: StreamSecrets and FetchSecrets, state of the world: each answer is everything
// that was asked for. SdsDeltaStream (sds_delta.h): DeltaSecrets, only what changed.
//
// Source: the xDS protocol as Envoy documents it; facts of SPIRE's agent, section 2.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "signet/rpc/server_call.h"

#include "hold.h"
#include "sds_answer.h"

namespace envoy::config::core::v3 {
class Node;
}
namespace google::rpc {
class Status;
}

namespace signet::agent {

class SdsStream : public std::enable_shared_from_this<SdsStream> {
 public:
  /// hold   null: this caller is never held
  SdsStream(Host host, std::shared_ptr<ServerCall> call, const SdsOptions& options,
            IdentityTable& table, Hold* hold);
  virtual ~SdsStream() = default;

  /// In the call's handler, with the first request: from now on the call keeps the stream, until
  /// it is over. more: further requests may come.
  void begin(std::string_view first, bool more);
  /// Who calls is known: subscribes and answers, now or later, from any thread. Does not block.
  void open(const SelectorSet& selectors);

 protected:
  // With the lock held, from here on.
  /// Takes a request. Errors   kInvalidArgument: it ends the call
  virtual Status read(std::string_view request) = 0;
  /// Sends what there is. Errors   they end the call
  virtual Status answer(const WorkloadUpdate& now, const SdsSelection& chosen) = 0;

  /// A request that cannot be read; as gRPC servers say it.
  static Status unreadable() { return Status::internal("grpc: error unmarshalling request"); }
  void take_node(const ::envoy::config::core::v3::Node& node);
  Status take_type(std::string_view type_url);
  void log_refusal(const ::google::rpc::Status& error) const;
  /// Of a caller who may not have what is missing of the answer.
  Status refusal(const SdsSelection& chosen) const;
  bool spiffe_validator() const { return spiffe_validator_; }
  const std::string& type_url() const { return type_url_; }
  static std::string new_nonce();

  const Host host_;
  const std::shared_ptr<ServerCall> call_;
  SdsWanted wanted_;
  bool first_ = true;   // no request was taken yet
  bool asked_ = false;  // the next answer goes out even if nothing changed
  bool answered_ = false;
  std::uint64_t seen_version_ = 0;  // of the update that was looked at last
  std::uint64_t counter_ = 0;       // version_info of the last answer
  std::string nonce_;               // of the last answer

 private:
  void take(std::string_view request);
  void update();
  /// Answers; true: the caller is to be held first.
  bool look();
  bool must_wait(const WorkloadUpdate& now, const SdsSelection& chosen) const;
  void hold();

  const SdsOptions& options_;
  IdentityTable& table_;
  Hold* const hold_;
  const std::uint32_t uid_;
  std::mutex mutex_;  // requests come from the transport, changes from the table's workers
  std::unique_ptr<Subscription> subscription_;
  SelectorSet selectors_;
  bool spiffe_validator_;
  std::string type_url_;
  bool had_entries_ = false;  // an identity that is taken away is not waited for
  enum class Wait { kNot, kHeld, kOver } wait_ = Wait::kNot;
  Status wait_result_;
  bool over_ = false;
};

class SdsStateStream final : public SdsStream {
 public:
  /// once   FetchSecrets: ends with the first answer
  template <typename... Args>
  explicit SdsStateStream(bool once, Args&&... args)
      : SdsStream(std::forward<Args>(args)...), once_(once) {}

 private:
  Status read(std::string_view request) override;
  Status answer(const WorkloadUpdate& now, const SdsSelection& chosen) override;

  const bool once_;
  std::uint64_t counted_version_ = 0;  // of the update that counter_ is about
  std::string sent_;                   // names and versions in the last answer
};

}  // namespace signet::agent
