#include "server_attestor.h"

#include <algorithm>

#include <arpa/inet.h>

#include "signet/datastore.h"
#include "signet/store/v1/store.pb.h"

#include "certificate_facts.h"
#include "proof.h"

namespace signet::x509pop {
namespace {

// The authorities of the server's own trust domain, as its datastore has them now.
Result<x509::RootPool> own_bundle(const Host& host, const TrustDomain& trust_domain) {
  SIGNET_TRY(const Datastore store, Datastore::acquire(host));
  SIGNET_TRY(Transaction tx, store.read());
  SIGNET_TRY(const Record record, tx.get("bundle", trust_domain.name()));
  signet::store::v1::Bundle stored;
  if (!stored.ParseFromString(record.body)) return Status::internal("stored bundle is malformed");
  std::vector<x509::Certificate> roots;
  for (const auto& authority : stored.bundle().x509_authorities()) {
    auto root = x509::Certificate::parse(crypto::as_bytes(authority.asn1()));
    if (root) roots.push_back(std::move(*root));
  }
  return x509::RootPool(roots);
}

// The 4 or 16 bytes of the address in "10.0.0.7:4711" or "[::1]:4711"; empty when it has none.
crypto::Bytes address_bytes(std::string_view client_address) {
  const std::size_t colon = client_address.rfind(':');
  if (colon == std::string_view::npos) return {};
  std::string_view text = client_address.substr(0, colon);
  if (text.starts_with('[') && text.ends_with(']')) text = text.substr(1, text.size() - 2);
  const std::string host(text);
  in_addr v4{};
  in6_addr v6{};
  const auto bytes = [](const auto& address, std::size_t skip) {
    const auto* data = reinterpret_cast<const std::uint8_t*>(&address);
    return crypto::Bytes(data + skip, data + sizeof address);
  };
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) return bytes(v4, 0);
  if (inet_pton(AF_INET6, host.c_str(), &v6) != 1) return {};
  return bytes(v6, IN6_IS_ADDR_V4MAPPED(&v6) ? 12 : 0);
}

Status denied(const std::string& text) { return Status::permission_denied(text); }

}  // namespace

Result<ServerStep> ServerSession::step(std::string_view from_agent, std::int64_t) {
  if (ended_) return Status::invalid_argument("the attestation has ended");
  return path_.empty() ? judge_certificates(from_agent) : judge_response(from_agent);
}

Result<ServerStep> ServerSession::judge_certificates(std::string_view payload) {
  auto message = read_payload(payload);
  if (!message) {
    ended_ = true;
    return message.status().prefixed("failed to unmarshal data");
  }
  ended_ = true;  // until all is well
  const ServerConfig& config = side_->config;
  if (message->certificates.size() > config.max_intermediates + 1) {
    return Status::invalid_argument(
        "too many intermediate certificates: " + std::to_string(message->certificates.size() - 1) +
        ", the limit is " + std::to_string(config.max_intermediates));
  }
  std::vector<x509::Certificate> chain;
  for (const Bytes& der : message->certificates) {
    auto certificate = x509::Certificate::parse(der);
    const std::string which = chain.empty()
                                  ? "leaf certificate"
                                  : "intermediate certificate " + std::to_string(chain.size() - 1);
    if (!certificate) return certificate.status().prefixed("unable to parse " + which);
    const auto& key = certificate->public_key();
    if (!key) return key.status().prefixed(which);
    if (crypto::is_rsa(key->type()) && key->bits() > config.max_rsa_key_size) {
      return Status::invalid_argument(which + ": RSA key of " + std::to_string(key->bits()) +
                                      " bits, the limit is " +
                                      std::to_string(config.max_rsa_key_size));
    }
    chain.push_back(std::move(*certificate));
  }
  auto path = verified_path(chain);
  if (!path) return path.status();
  const x509::Certificate& leaf = path->front();
  SIGNET_RETURN_IF_ERROR(check_client_address(leaf));
  if (!leaf.key_usage() || (*leaf.key_usage() & x509::kDigitalSignature) == 0) {
    return Status::internal(
        "unable to generate challenge: certificate not intended for digital signature use");
  }
  challenge_ = make_challenge(*leaf.public_key());
  path_ = std::move(*path);
  ended_ = false;
  ServerStep step;
  step.challenge = write(challenge_);
  return step;
}

Result<std::vector<x509::Certificate>> ServerSession::verified_path(
    const std::vector<x509::Certificate>& chain) {
  constexpr const char* kFailed = "certificate verification failed";
  const x509::VerifyOptions options{x509::from_unix(host_.unix_seconds())};
  if (side_->config.mode == Mode::kExternalPki) {
    auto path = x509::verify_path(chain, side_->ca_bundle, options);
    if (!path) return denied(path.status().prefixed(kFailed).message());
    return path;
  }
  SIGNET_TRY(const x509::RootPool roots, own_bundle(host_, trust_domain_));
  auto verified = x509::verify_svid(chain, trust_domain_, roots, options);
  if (!verified) return denied(verified.status().prefixed(kFailed).message());
  const std::string_view svid_path = verified->spiffe_id.path();
  if (!svid_path.starts_with(side_->config.spiffe_prefix)) {
    return denied("x509 cert doesnt match SVID prefix");
  }
  svid_path_trimmed_ = svid_path.substr(side_->config.spiffe_prefix.size());
  return std::move(verified->path);
}

Status ServerSession::check_client_address(const x509::Certificate& leaf) const {
  if (!side_->config.verify_client_ip) return {};
  const crypto::Bytes client = address_bytes(client_address_);
  const auto& named = leaf.sans().ip_addresses;
  if (!client.empty() && std::find(named.begin(), named.end(), client) != named.end()) return {};
  return denied("client IP \"" + client_address_ +
                "\" is not among the certificate's IP addresses");
}

Result<ServerStep> ServerSession::judge_response(std::string_view response) {
  ended_ = true;
  const auto message = read_response(response);
  if (!message) return message.status().prefixed("unable to unmarshal challenge response");
  const x509::Certificate& leaf = path_.front();
  if (const Status proven = verify(challenge_, *message, *leaf.public_key()); !proven.ok()) {
    return denied(proven.prefixed("challenge response verification failed").message());
  }
  const auto internal = [](const Status& status) {
    return status.prefixed("failed to make agent ID").with_code(Code::kInternal);
  };
  auto path = side_->config.agent_path.render(
      template_data(leaf, side_->plugin_name, trust_domain_.name(), svid_path_trimmed_));
  if (!path) return internal(path.status());
  if (!path->starts_with('/')) {
    return internal(Status::internal("the agent path does not begin with a slash"));
  }
  auto id = SpiffeId::make(trust_domain_, "/spire/agent" + *path);
  if (!id) return internal(id.status());
  ServerStep step;
  step.attributes = std::make_unique<AgentAttributes>();
  step.attributes->agent_id = id->to_string();
  step.attributes->can_reattest = true;
  step.attributes->selectors = selectors(path_, trust_domain_.name());
  return step;
}

}  // namespace signet::x509pop
