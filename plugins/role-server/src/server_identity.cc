#include "server_identity.h"

#include <algorithm>

#include "crypto/encoding.h"

namespace signet::server {
namespace {

constexpr std::chrono::seconds kCheckPeriod{5};
constexpr std::int64_t kToleratedAhead = 60;

// The transport signs handshakes with elliptic curve keys only; under an RSA authority the server
// still presents a P-256 key.
crypto::KeyType tls_key_type(crypto::KeyType ca_key_type) {
  return crypto::is_ec(ca_key_type) ? ca_key_type : crypto::KeyType::kEcP256;
}

}  // namespace

Status ServerIdentity::start() {
  SIGNET_RETURN_IF_ERROR(rotate());
  return timer_.start_every(host_, kCheckPeriod, [this] {
    if (const Status status = rotate_if_due(); !status.ok()) {
      host_.log_status(LogLevel::kError, "Server SVID rotation failed", status);
    }
  });
}

Status ServerIdentity::rotate_if_due() {
  const auto state = current();
  const std::int64_t now = host_.unix_seconds();
  const std::int64_t half = (state->issued_at + state->not_after) / 2;
  const bool due = now >= half || state->issued_at > now + kToleratedAhead || tainted(*state);
  return due ? rotate() : Status();
}

bool ServerIdentity::tainted(const State& state) const {
  const BundlePtr bundle = bundles_.own();
  if (!bundle) return false;
  const auto& roots = bundle->bundle.x509_authorities;
  return std::any_of(roots.begin(), roots.end(), [&](const auto& root) {
    return root.tainted && std::find(state.authorities.begin(), state.authorities.end(),
                                     crypto::hex_encode(root.certificate.subject_key_id())) !=
                               state.authorities.end();
  });
}

void ServerIdentity::bundle_changed() {
  const auto state = current();
  if (!state || !tainted(*state)) return;
  if (const Status status = rotate(); !status.ok()) {
    host_.log_status(LogLevel::kError, "Server SVID rotation failed", status);
  }
}

Status ServerIdentity::rotate() {
  {
    std::lock_guard lock(mutex_);
    const X509AuthorityPtr authority = authorities_.x509();
    if (!authority) return Status::unavailable("server is initializing");
    SIGNET_TRY(const crypto::PrivateKey key,
               crypto::PrivateKey::generate(tls_key_type(config_.ca_key_type)));
    SIGNET_TRY(const SpiffeId id, SpiffeId::make(config_.trust_domain, "/spire/server"));
    SIGNET_TRY(const x509::IssuedSvid svid,
               authority->issuer.issue({.spiffe_id = id.to_string(),
                                        .spki = key.public_key().spki(),
                                        .now = x509::from_unix(host_.unix_seconds()),
                                        .ttl = config_.x509_svid_ttl}));
    auto state = std::make_shared<State>();
    state->chain.push_back(crypto::to_string(svid.der));
    state->chain.insert(state->chain.end(), authority->upstream_chain.begin(),
                        authority->upstream_chain.end());
    state->authorities = {authority->authority_id};
    if (!authority->root_id.empty()) state->authorities.push_back(authority->root_id);
    const crypto::SecretBytes pkcs8 = key.to_pkcs8_der();
    state->key = host_.secret(pkcs8.text());
    if (!state->key) return Status::internal("the host gave no memory for a secret");
    state->issued_at = x509::to_unix(svid.not_before);
    state->not_after = x509::to_unix(svid.not_after);
    host_.info("Server SVID issued", {{"spiffe_id", id.to_string()},
                                      {"serial_num", svid.serial_decimal()},
                                      Field::time("expiration", state->not_after)});
    host_.count("svid.rotate");
    state_.store(std::move(state));
  }
  if (changed_) changed_();
  return {};
}

}  // namespace signet::server
