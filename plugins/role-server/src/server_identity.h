// ServerIdentity: the server's own X509-SVID, spiffe://<td>/spire/server, which it shows on the
// network. Its key is made in memory, kept in a secret, and replaced at half of its life.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "signet/host.h"

#include "authorities.h"
#include "config.h"

namespace signet::server {

class ServerIdentity {
 public:
  struct State {
    std::vector<std::string> chain;  // DER, leaf first
    Secret key;                      // PKCS#8
    std::int64_t issued_at = 0;
    std::int64_t not_after = 0;
    std::vector<std::string> authorities;  // hex key IDs of what it lies below, up to the root
  };

  ServerIdentity(const Host& host, const ServerConfig& config, const TrustBundles& bundles,
                 Authorities& authorities)
      : host_(host), config_(config), bundles_(bundles), authorities_(authorities) {}
  ~ServerIdentity() { stop(); }

  /// Issues the first one and begins to watch its age. Blocks.
  Status start();
  void stop() { timer_.stop(); }
  /// After start() never null.
  std::shared_ptr<const State> current() const { return state_.load(); }
  /// Called after another one was issued. Set before start().
  void on_changed(std::function<void()> fn) { changed_ = std::move(fn); }

  /// Replaces it when half its life is over, when its authority was tainted, and when it is not
  /// valid yet because the clock was ahead.
  Status rotate_if_due();
  /// Our own bundle is another one: looks whether that matters.
  void bundle_changed();

 private:
  Status rotate();
  bool tainted(const State& state) const;
  const Host host_;
  const ServerConfig& config_;
  const TrustBundles& bundles_;
  Authorities& authorities_;
  std::function<void()> changed_;
  std::mutex mutex_;
  Snapshot<State> state_;
  Timer timer_;
};

}  // namespace signet::server
