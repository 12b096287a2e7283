#include "bootstrap.h"

#include <ctime>
#include <fstream>
#include <sstream>

#include "http/get.h"
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
  if (certificates.empty())
    return Status::failed_precondition("no certificates found in trust bundle");
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

std::string rfc3339(std::int64_t seconds) {
  const std::time_t time = seconds;
  std::tm parts{};
  gmtime_r(&time, &parts);
  char out[32];
  const std::size_t n = std::strftime(out, sizeof out, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return {out, n};
}

Result<std::string> read_url(const AgentConfig& config, const BootstrapAttempt& attempt) {
  http::GetRequest request;
  request.url = config.trust_bundle_url;
  request.max_bytes = kMaxBytes;
  request.timeout = std::chrono::seconds(10);
  if (!config.trust_bundle_unix_socket.empty()) {
    request.unix_socket = config.trust_bundle_unix_socket;
    request.query = {{"spire-attest-mode", "bootstrap"},
                     {"spire-connection-attempts", std::to_string(attempt.attempts)},
                     {"spire-attest-start-time", rfc3339(attempt.started)},
                     {"spire-server-address", config.server_address},
                     {"spire-server-port", std::to_string(config.server_port)},
                     {"spiffe-trust-domain", config.trust_domain.name()}};
  }
  return http::get(request);
}

}  // namespace

Result<std::vector<x509::Certificate>> load_first_bundle(const AgentConfig& config,
                                                         const BootstrapAttempt& attempt) {
  if (config.insecure_bootstrap) return std::vector<x509::Certificate>();
  Result<std::string> text = config.trust_bundle_path.empty() ? read_url(config, attempt)
                                                              : read_file(config.trust_bundle_path);
  if (!text) return text.status();
  auto certificates = parse(config, *text);
  if (!certificates) {
    return Status::failed_precondition("unable to parse trust bundle: " +
                                       certificates.status().message());
  }
  return certificates;
}

}  // namespace signet::agent
