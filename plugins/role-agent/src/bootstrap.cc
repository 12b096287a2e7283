#include "bootstrap.h"

#include <fstream>
#include <sstream>

#include "signet/rpc/client.h"

#include "cli/go_text.h"
#include "http/get.h"
#include "spiffe/workload/workload.pb.h"
#include "workload_client/rpc_transport.h"
#include "x509/bundle_json.h"
#include "x509/pem.h"

namespace signet::agent {
namespace {

constexpr std::size_t kMaxBytes = 4 * 1024 * 1024;

Result<std::vector<x509::Certificate>> parse(const AgentConfig& config, const std::string& text) {
  std::vector<x509::Certificate> certificates;
  if (config.trust_bundle_is_spiffe) {
    SIGNET_TRY(const x509::Bundle bundle,
               x509::read_bundle_json(config.trust_domain, text, x509::BundleReading::kStrict));
    certificates = bundle.certificates();
  } else {
    SIGNET_TRY(certificates, x509::read_pem_certificates(text));
  }
  if (certificates.empty()) return Status::unavailable("no certificates found in trust bundle");
  return certificates;
}

Result<std::string> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) return Status::failed_precondition("unable to read trust bundle file " + path);
  if (text.view().size() > kMaxBytes)
    return Status::failed_precondition("trust bundle file " + path + " is too large");
  return text.str();
}

Result<std::string> read_url(const AgentConfig& config, const BootstrapAttempt& attempt) {
  http::GetRequest request;
  request.url = config.trust_bundle_url;
  request.max_bytes = kMaxBytes;
  request.timeout = std::chrono::seconds(10);
  if (!config.trust_bundle_unix_socket.empty()) {
    request.unix_socket = config.trust_bundle_unix_socket;
    request.query = {{"spire-attest-mode", attempt.again ? "rebootstrap" : "bootstrap"},
                     {"spire-connection-attempts", std::to_string(attempt.attempts)},
                     {"spire-attest-start-time", signet::cli::rfc3339_utc(attempt.started)},
                     {"spire-server-address", config.server_address},
                     {"spire-server-port", std::to_string(config.server_port)},
                     {"spiffe-trust-domain", config.trust_domain.name()}};
  }
  return http::get(request);
}

Result<std::vector<x509::Certificate>> ask_workload_api(const Host& host,
                                                        const AgentConfig& config) {
  const std::string& address = config.trust_bundle_workload_api;
  const auto failed = [&](const Status& why) {
    return Status::unavailable("unable to fetch trust bundle from SPIFFE Workload API " + address +
                               ": " + why.message());
  };
  SIGNET_TRY(const std::string uri, workload_client::rpc_uri(address));
  SIGNET_TRY(const auto connection, RpcConnection::create(host, uri, "{}", nullptr));
  const auto call =
      connection->open("/SpiffeWorkloadAPI/FetchX509Bundles", ::X509BundlesRequest(),
                       host.deadline_in(std::chrono::minutes(1)), {{"workload.spiffe.io", "true"}});
  if (!call) return failed(call.status());
  (*call)->half_close();
  const auto answer = (*call)->read<::X509BundlesResponse>();
  if (!answer) return failed(answer.status());
  if (!*answer) return failed(Status::unavailable("it sent no bundle"));
  const auto bundle = (*answer)->bundles().find(config.trust_domain.id_string());
  if (bundle == (*answer)->bundles().end()) {
    return Status::unavailable("SPIFFE Workload API " + address +
                               " did not provide a trust bundle for trust domain \"" +
                               config.trust_domain.name() + "\"");
  }
  auto authorities = x509::Certificate::parse_concatenated(crypto::as_bytes(bundle->second));
  if (!authorities) return failed(authorities.status());
  if (authorities->empty()) return Status::unavailable("no certificates found in trust bundle");
  return authorities;
}

}  // namespace

Result<std::vector<x509::Certificate>> load_first_bundle(const Host& host,
                                                         const AgentConfig& config,
                                                         const BootstrapAttempt& attempt) {
  if (config.insecure_bootstrap) return std::vector<x509::Certificate>();
  if (!config.trust_bundle_workload_api.empty()) return ask_workload_api(host, config);
  const bool is_file = !config.trust_bundle_path.empty();
  const Result<std::string> text =
      is_file ? read_file(config.trust_bundle_path) : read_url(config, attempt);
  if (!text) return is_file ? text.status() : text.status().with_code(Code::kUnavailable);
  auto certificates = parse(config, *text);
  if (!certificates) {
    return Status(is_file ? Code::kFailedPrecondition : Code::kUnavailable,
                  "unable to parse trust bundle: " + certificates.status().message());
  }
  return certificates;
}

}  // namespace signet::agent
