// X509PopPlugin: both sides of x509pop in one shared object; the settings say which it is.
#pragma once

#include <memory>
#include <mutex>

#include "signet/attestor.h"
#include "signet/plugin.h"

#include "server_attestor.h"

namespace signet::x509pop {

class X509PopPlugin final : public Plugin, public NodeAttestorServer, public NodeAttestorAgent {
 public:
  using Plugin::Plugin;
  static const void* service(std::string_view id);

  Status validate(Call& call, std::string_view config) override;
  /// The server's CA bundles and the agent's files are read: what is wrong with them stops the
  /// start. Files that change are used after a reload (server) or at the next attestation (agent).
  Status configure(Call& call, std::string_view config) override;

  Result<std::unique_ptr<NodeAttestorServerSession>> open_server(
      std::string_view trust_domain, std::string_view client_address) override;
  Result<std::unique_ptr<NodeAttestorAgentSession>> open_agent() override;

 private:
  std::mutex mutex_;  // guards both
  std::shared_ptr<const ServerSide> server_;
  std::shared_ptr<const AgentConfig> agent_;
};

}  // namespace signet::x509pop
