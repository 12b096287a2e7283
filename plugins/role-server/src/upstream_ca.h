// UpstreamCa: X.509 authorities signed by the UpstreamAuthority plugin, and JWT and WIT keys
// published through it.
#pragma once

#include <atomic>

#include "signet/upstream_authority.h"

#include "ca_source.h"

namespace signet::server {

class UpstreamCa final : public CaSource {
 public:
  /// Null when no UpstreamAuthority is configured.
  static Result<std::unique_ptr<CaSource>> find(const Host& host, const ServerConfig& config);

  UpstreamCa(Host host, const ServerConfig& config, UpstreamAuthorityClient client)
      : host_(std::move(host)), config_(config), client_(std::move(client)) {}

  bool upstream() const override { return true; }
  /// Besides what every CA must be, an SVID below it must verify against the upstream's roots.
  Result<CaGrant> issue(const crypto::Signer& key, x509::Time now) override;
  /// Nothing, after one warning, when the plugin has no place for such keys.
  Result<std::optional<JwtAuthorities>> publish(const spire::api::types::JWTKey& key) override;
  Result<std::optional<WitAuthorities>> publish(const spire::api::types::WITKey& key) override;

 private:
  const Host host_;
  const ServerConfig& config_;
  const UpstreamAuthorityClient client_;
  std::atomic<bool> told_of_jwt_{false};
  std::atomic<bool> told_of_wit_{false};
};

/// As the API has them.
template <typename Authorities>  // JwtAuthorities or WitAuthorities
Authorities authorities_of(const UpstreamKeys& keys) {
  Authorities out;
  for (const UpstreamKey& key : keys) {
    auto& added = *out.Add();
    added.set_key_id(key.key_id);
    added.set_public_key(key.public_key);
    added.set_expires_at(key.expires_at);
    added.set_tainted(key.tainted);
  }
  return out;
}

}  // namespace signet::server
