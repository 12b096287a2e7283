// SpireUpstream: another server of the same trust domain as the upstream authority.
//
// We are a downstream server of it: a workload whose entry there says so. It is asked for roots and
// keys every five seconds while our server follows them.
#pragma once

#include <memory>
#include <mutex>
#include <optional>

#include "signet/upstream_authority.h"

#include "upstream_link.h"

namespace signet::spire_upstream {

class SpireUpstream final : public Plugin, public UpstreamAuthority {
 public:
  using Plugin::Plugin;
  static const void* service(std::string_view id);

  Status validate(Call& call, std::string_view config) override;
  Status configure(Call& call, std::string_view config) override;
  Status start(Call& call) override;
  Status drain(Call& call) override;
  Status stop(Call& call) override;

  Result<MintedX509Ca> mint_x509(std::string_view csr, std::int64_t ttl_s) override;
  Result<UpstreamKeys> publish_jwt_key(const UpstreamKey& key) override;
  Result<UpstreamKeys> publish_wit_key(const UpstreamKey& key) override;
  Status refresh() override;

 private:
  /// Errors   kFailedPrecondition: not started
  Result<std::shared_ptr<UpstreamLink>> link();
  Status ask(std::chrono::seconds patience);
  /// The upstream's bundle, told to the feed.
  Result<UpstreamRoots> follow(UpstreamServer& server);

  std::mutex mutex_;  // guards the three below
  std::optional<Config> config_;
  bool started_ = false;
  std::shared_ptr<UpstreamLink> link_;
  Timer timer_;
};

}  // namespace signet::spire_upstream
