#include "agent_attestor.h"

#include <algorithm>

#include "keymanager/private_file.h"
#include "proof.h"
#include "workload_client/rpc_transport.h"
#include "workload_client/x509_source.h"
#include "x509/pem.h"

namespace signet::x509pop {
namespace {

constexpr std::size_t kMaxFileBytes = 1024 * 1024;
constexpr std::chrono::seconds kWorkloadApiWait{30};

Result<crypto::SecretBytes> read_file(const char* setting, const std::string& path) {
  auto content = keymanager::read_private_file(path, kMaxFileBytes);
  if (!content) return content.status().prefixed(std::string(setting));
  return content;
}

Status append_certificates(const char* setting, const std::string& path, Payload& out) {
  SIGNET_TRY(const crypto::SecretBytes text, read_file(setting, path));
  const auto certificates = x509::read_pem_certificates(text.text());
  if (!certificates) return certificates.status().prefixed(std::string(setting) + " " + path);
  for (const x509::Certificate& each : *certificates) out.certificates.push_back(each.der());
  return {};
}

Result<Credentials> from_files(const AgentConfig& config) {
  Payload chain;
  SIGNET_RETURN_IF_ERROR(append_certificates("certificate_path", config.certificate_path, chain));
  if (!config.intermediates_path.empty()) {
    SIGNET_RETURN_IF_ERROR(
        append_certificates("intermediates_path", config.intermediates_path, chain));
  }
  SIGNET_TRY(const crypto::SecretBytes pem, read_file("private_key_path", config.private_key_path));
  auto key = crypto::PrivateKey::from_pem(pem.text());
  if (!key) return key.status().prefixed("private_key_path " + config.private_key_path);
  return Credentials{std::move(chain), std::move(*key)};
}

Result<Credentials> from_workload_api(const Host& host, const AgentConfig& config,
                                      std::int64_t deadline_ns) {
  workload_client::RpcTransport transport(host, config.endpoint);
  workload_client::X509Source source(transport);
  const std::chrono::nanoseconds left(deadline_ns - host.monotonic_ns());
  const Status ready = source.wait(std::chrono::duration_cast<std::chrono::milliseconds>(
      std::min<std::chrono::nanoseconds>(left, kWorkloadApiWait)));
  if (!ready.ok()) return Status::unavailable("spiffe_endpoint_socket: " + ready.message());
  const auto context = source.current();
  if (context->svids.empty()) return Status::unavailable("spiffe_endpoint_socket: no X509-SVID");
  const workload_client::X509Svid& svid = context->default_svid();
  SIGNET_TRY(crypto::PrivateKey key, crypto::PrivateKey::from_pkcs8_der(svid.private_key->view()));
  Credentials out{{}, std::move(key)};
  for (const x509::Certificate& each : svid.chain) out.chain.certificates.push_back(each.der());
  return out;
}

}  // namespace

Result<Credentials> load_credentials(const Host& host, const AgentConfig& config,
                                     std::int64_t deadline_ns) {
  SIGNET_TRY(Credentials credentials, config.endpoint.empty()
                                          ? from_files(config)
                                          : from_workload_api(host, config, deadline_ns));
  SIGNET_TRY(const x509::Certificate leaf,
             x509::Certificate::parse(credentials.chain.certificates.front()));
  if (!crypto::equal(leaf.spki(), credentials.key.public_key().spki())) {
    return Status::invalid_argument("certificate and private key do not belong together");
  }
  return credentials;
}

Result<std::string> AgentSession::step(std::string_view challenge, std::int64_t deadline_ns) {
  if (!credentials_) {
    SIGNET_TRY(credentials_, load_credentials(host_, *config_, deadline_ns));
    return write(credentials_->chain);
  }
  if (answered_) return Status::invalid_argument("unexpected challenge: one is all there is");
  answered_ = true;
  const auto message = read_challenge(challenge);
  if (!message) return message.status().prefixed("unable to unmarshal challenge");
  SIGNET_TRY(const Response response, answer(*message, credentials_->key));
  return write(response);
}

}  // namespace signet::x509pop
