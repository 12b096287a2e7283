#include "upstream_ca.h"

#include "x509/csr.h"
#include "x509/svid_issuer.h"
#include "x509/verify.h"

namespace signet::server {
namespace {

namespace types = spire::api::types;

constexpr std::size_t kMaxRoots = 1000;

Result<x509::Certificate> parse(const std::string& der, const char* what) {
  auto certificate = x509::Certificate::parse(crypto::as_bytes(der));
  if (!certificate) return certificate.status().prefixed(what);
  return certificate;
}

// An SVID that nobody gets: would workloads be able to verify what this CA signs?
Status prove(const TrustDomain& trust_domain, const std::vector<x509::Certificate>& chain,
             const std::vector<x509::Certificate>& roots, const crypto::Signer& key,
             x509::Time now) {
  const std::shared_ptr<const crypto::Signer> borrowed(&key, [](const crypto::Signer*) {});
  SIGNET_TRY(const x509::SvidIssuer issuer, x509::SvidIssuer::make(chain.front(), borrowed));
  const std::string id = trust_domain.id_string() + "/spire/throwaway";
  SIGNET_TRY(const x509::IssuedSvid svid,
             issuer.issue({.spiffe_id = id, .spki = key.spki(), .now = now}));
  SIGNET_TRY(x509::Certificate leaf, x509::Certificate::parse(svid.der));
  std::vector<x509::Certificate> presented = {std::move(leaf)};
  presented.insert(presented.end(), chain.begin(), chain.end());
  return x509::verify_svid(presented, trust_domain, x509::RootPool(roots), {now}).status();
}

template <typename Key>
UpstreamKey upstream_key(const Key& key) {
  return {key.key_id(), key.public_key(), key.expires_at(), key.tainted()};
}

// What the plugin answered; nothing when it has no place for keys of this kind.
template <typename Authorities>
Result<std::optional<Authorities>> published(const Result<UpstreamKeys>& keys) {
  if (keys) return std::optional<Authorities>(authorities_of<Authorities>(*keys));
  if (keys.status().code() == Code::kUnimplemented) return std::optional<Authorities>();
  return keys.status().prefixed("upstream authority");
}

void warn_of_local_keys(const Host& host, std::string_view kind) {
  const std::string svids = std::string(kind) + "-SVIDs";
  host.warn("UpstreamAuthority plugin does not support " + svids +
            ". Workloads managed by this server may have trouble communicating with workloads "
            "outside of this cluster when using " +
            svids + ".");
}

}  // namespace

Result<std::unique_ptr<CaSource>> UpstreamCa::find(const Host& host, const ServerConfig& config) {
  if (ServiceHandle<signet_upstream_authority>::names(host, SIGNET_UPSTREAM_AUTHORITY).empty()) {
    return std::unique_ptr<CaSource>();
  }
  SIGNET_TRY(UpstreamAuthorityClient client, UpstreamAuthorityClient::acquire(host));
  return std::unique_ptr<CaSource>(std::make_unique<UpstreamCa>(host, config, std::move(client)));
}

Result<CaGrant> UpstreamCa::issue(const crypto::Signer& key, x509::Time now) {
  SIGNET_TRY(const crypto::Bytes csr,
             x509::create_ca_csr(config_.trust_domain, config_.ca_subject, key));
  ServiceStream stream;  // its news come to the one that follows the upstream anyway
  auto minted = client_.mint_x509(stream, crypto::as_text(csr), config_.ca_ttl.count(), {});
  if (!minted) return minted.status().prefixed("upstream authority");
  if (minted->chain.empty() || minted->chain.size() >= x509::kMaxChainLength ||
      minted->roots.empty() || minted->roots.size() > kMaxRoots) {
    return Status::internal("the upstream authority gave a chain or roots of an unusable length");
  }
  std::vector<x509::Certificate> chain;
  for (const std::string& der : minted->chain) {
    SIGNET_TRY(x509::Certificate certificate, parse(der, "the upstream authority's chain"));
    chain.push_back(std::move(certificate));
  }
  std::vector<x509::Certificate> roots;
  for (const UpstreamRoot& root : minted->roots) {
    SIGNET_TRY(x509::Certificate certificate,
               parse(root.certificate, "a root of the upstream authority"));
    roots.push_back(std::move(certificate));
  }
  if (const Status status = prove(config_.trust_domain, chain, roots, key, now); !status.ok()) {
    return status.prefixed("SVIDs below the upstream authority's CA certificate do not verify");
  }
  CaGrant grant{chain.front(), std::move(minted->chain), {}};
  for (UpstreamRoot& root : minted->roots) grant.roots.push_back(std::move(root.certificate));
  return grant;
}

Result<std::optional<JwtAuthorities>> UpstreamCa::publish(const types::JWTKey& key) {
  ServiceStream stream;
  auto keys = published<JwtAuthorities>(client_.publish_jwt_key(stream, upstream_key(key), {}));
  if (keys && !*keys && !told_of_jwt_.exchange(true)) warn_of_local_keys(host_, "JWT");
  return keys;
}

Result<std::optional<WitAuthorities>> UpstreamCa::publish(const types::WITKey& key) {
  ServiceStream stream;
  auto keys = published<WitAuthorities>(client_.publish_wit_key(stream, upstream_key(key), {}));
  if (keys && !*keys && !told_of_wit_.exchange(true)) warn_of_local_keys(host_, "WIT");
  return keys;
}

}  // namespace signet::server
