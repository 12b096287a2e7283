#include "x509pop_plugin.h"

#include "agent_attestor.h"
#include "keymanager/private_file.h"
#include "x509/pem.h"

namespace signet::x509pop {
namespace {

constexpr std::size_t kMaxBundleBytes = 4 * 1024 * 1024;

Result<std::shared_ptr<const ServerSide>> make_server_side(ServerConfig config,
                                                           const std::string& name) {
  std::vector<x509::Certificate> roots;
  for (const std::string& path : config.ca_bundle_paths) {
    const auto text = keymanager::read_private_file(path, kMaxBundleBytes);
    if (!text) return text.status().prefixed("CA bundle");
    auto certificates = x509::read_pem_certificates(text->text());
    if (!certificates) return certificates.status().prefixed("CA bundle " + path);
    roots.insert(roots.end(), certificates->begin(), certificates->end());
  }
  return std::make_shared<const ServerSide>(
      ServerSide{std::move(config), x509::RootPool(roots), name});
}

}  // namespace

const void* X509PopPlugin::service(std::string_view id) {
  if (id == SIGNET_NODE_ATTESTOR_SERVER) return node_attestor_server_table<X509PopPlugin>();
  if (id == SIGNET_NODE_ATTESTOR_AGENT) return node_attestor_agent_table<X509PopPlugin>();
  return nullptr;
}

Status X509PopPlugin::validate(Call&, std::string_view config) {
  return Config::parse(config).status();
}

Status X509PopPlugin::configure(Call&, std::string_view json) {
  SIGNET_TRY(Config config, Config::parse(json));
  std::shared_ptr<const ServerSide> server;
  std::shared_ptr<const AgentConfig> agent;
  if (config.server) {
    SIGNET_TRY(server, make_server_side(std::move(*config.server), name()));
  } else {
    agent = std::make_shared<const AgentConfig>(std::move(*config.agent));
    // The Workload API may not be there yet; files must be.
    if (agent->endpoint.empty()) {
      SIGNET_RETURN_IF_ERROR(load_credentials(host(), *agent, INT64_MAX).status());
    }
  }
  const std::lock_guard lock(mutex_);
  server_ = std::move(server);
  agent_ = std::move(agent);
  return {};
}

Result<std::unique_ptr<NodeAttestorServerSession>> X509PopPlugin::open_server(
    std::string_view trust_domain, std::string_view client_address) {
  SIGNET_TRY(TrustDomain domain, TrustDomain::parse(trust_domain));
  const std::lock_guard lock(mutex_);
  if (!server_) return Status::failed_precondition("not configured for a server");
  return std::unique_ptr<NodeAttestorServerSession>(std::make_unique<ServerSession>(
      host(), server_, std::move(domain), std::string(client_address)));
}

Result<std::unique_ptr<NodeAttestorAgentSession>> X509PopPlugin::open_agent() {
  const std::lock_guard lock(mutex_);
  if (!agent_) return Status::failed_precondition("not configured for an agent");
  return std::unique_ptr<NodeAttestorAgentSession>(std::make_unique<AgentSession>(host(), agent_));
}

}  // namespace signet::x509pop
