// CaSource: where the certificate of an X.509 authority comes from: its own key, or an upstream
// authority.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bundle_conversion.h"
#include "config.h"
#include "crypto/signer.h"
#include "x509/ca.h"

namespace signet::server {

struct CaGrant {
  x509::Certificate certificate;
  // DER: `certificate`, then up to below the root; empty when `certificate` is the root itself.
  std::vector<std::string> upstream_chain;
  std::vector<std::string> roots;  // DER; the bundle must hold them
};

class CaSource {
 public:
  virtual ~CaSource() = default;
  /// True: the roots are another authority's, whose life cycle is not ours to rule.
  virtual bool upstream() const = 0;
  /// A CA certificate for this key. Blocks.
  virtual Result<CaGrant> issue(const crypto::Signer& key, x509::Time now) = 0;
  /// Hands a key upstream and gives all keys of its kind that are published there; nothing when
  /// keys stay with this server. Blocks.
  virtual Result<std::optional<JwtAuthorities>> publish(const spire::api::types::JWTKey& key) = 0;
  virtual Result<std::optional<WitAuthorities>> publish(const spire::api::types::WITKey& key) = 0;
};

// The server's own: each authority is a root.
class SelfSignedCa final : public CaSource {
 public:
  explicit SelfSignedCa(const ServerConfig& config) : config_(config) {}
  bool upstream() const override { return false; }
  Result<CaGrant> issue(const crypto::Signer& key, x509::Time now) override {
    SIGNET_TRY(x509::Certificate certificate,
               x509::self_sign_ca(
                   config_.trust_domain,
                   {.subject = config_.ca_subject, .now = now, .ttl = config_.ca_ttl}, key));
    std::string root = crypto::to_string(certificate.der());
    return CaGrant{std::move(certificate), {}, {std::move(root)}};
  }
  Result<std::optional<JwtAuthorities>> publish(const spire::api::types::JWTKey&) override {
    return std::optional<JwtAuthorities>();
  }
  Result<std::optional<WitAuthorities>> publish(const spire::api::types::WITKey&) override {
    return std::optional<WitAuthorities>();
  }

 private:
  const ServerConfig& config_;
};

}  // namespace signet::server
