// UpstreamFollower: keeps our bundle in step with the upstream authority's roots and keys, and
// lets our X.509 authority give way when its root is tainted there.
//
// What the plugin tells is noted on its thread and worked off on a worker, the latest only: working
// it off may ask the plugin for another CA. What fails is tried again, at longer and longer
// intervals; a subscription that ended is begun again.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include "signet/upstream_authority.h"

#include "authorities.h"

namespace signet::server {

class UpstreamFollower {
 public:
  // Who acts on the news. Blocks; what fails comes again.
  struct Sink {
    std::function<Status(const UpstreamRoots&)> on_roots;
    std::function<Status(const UpstreamKeys&)> on_jwt_keys;
    std::function<Status(const UpstreamKeys&)> on_wit_keys;
  };

  UpstreamFollower(const Host& host, Authorities& authorities);
  UpstreamFollower(const Host& host, Sink sink) : host_(host), sink_(std::move(sink)) {}
  ~UpstreamFollower() { stop(); }
  UpstreamFollower(const UpstreamFollower&) = delete;
  UpstreamFollower& operator=(const UpstreamFollower&) = delete;

  /// Does nothing where no UpstreamAuthority is configured. Does not wait for the upstream.
  Status start();
  /// When it returns, nothing is worked off any more.
  void stop();

 private:
  struct News {
    std::optional<UpstreamRoots> roots;
    std::optional<UpstreamKeys> jwt_keys;
    std::optional<UpstreamKeys> wit_keys;
    bool empty() const { return !roots && !jwt_keys && !wit_keys; }
  };
  void look();  // the timer's
  /// part   what of the news this is
  template <typename List>
  void note(std::optional<List> News::*part, List list);
  void wake();  // has work() run on a worker, once
  void work();
  Status subscribe();
  Status apply(const News& news);

  const Host host_;
  const Sink sink_;
  std::optional<UpstreamAuthorityClient> client_;
  ServiceStream stream_;  // used by work() and stop() alone

  std::mutex mutex_;
  std::condition_variable idle_;
  News news_;
  bool subscribed_ = false;
  bool working_ = false;
  bool stopping_ = false;
  std::int64_t not_before_ns_ = 0;  // after a failure
  std::int64_t pause_ns_ = 0;
  Timer timer_;
};

}  // namespace signet::server
