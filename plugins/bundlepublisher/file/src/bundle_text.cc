#include "bundle_text.h"

#include "x509/bundle_json.h"
#include "x509/pem.h"

namespace signet::file_publisher {

Result<std::string> bundle_text(const PublishedBundle& published, const Config& config) {
  SIGNET_TRY(TrustDomain domain, TrustDomain::parse(published.trust_domain));
  x509::Bundle bundle(std::move(domain));
  for (const std::string& der : published.roots) {
    SIGNET_TRY(x509::Certificate root, x509::Certificate::parse(crypto::as_bytes(der)));
    bundle.x509_authorities.push_back({std::move(root), false});
  }
  if (config.format == Format::kPem) return x509::write_pem(bundle.certificates());
  for (const PublishedJwtKey& key : published.jwt_keys) {
    bundle.jwt_authorities.push_back(
        {key.key_id, crypto::to_bytes(key.public_key), key.expires_at, false});
  }
  bundle.sequence_number = published.sequence_number;
  bundle.refresh_hint = config.refresh_hint.value_or(published.refresh_hint);
  x509::BundleJsonOptions options;
  options.sequence_and_hint = config.format == Format::kSpiffe;
  return x509::write_bundle_json(bundle, options);
}

}  // namespace signet::file_publisher
