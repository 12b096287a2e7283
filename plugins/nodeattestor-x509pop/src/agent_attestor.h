// The agent's side: show the certificates, prove the key.
#pragma once

#include <memory>

#include "signet/attestor.h"
#include "signet/host.h"

#include "config.h"
#include "crypto/key.h"
#include "messages.h"

namespace signet::x509pop {

struct Credentials {
  Payload chain;  // leaf first
  crypto::PrivateKey key;
};
/// From the files, or from the Workload API (waits for it until the deadline, at most half a
/// minute). The key must be the leaf's.
/// Errors   kInvalidArgument, kUnavailable, naming the setting
Result<Credentials> load_credentials(const Host& host, const AgentConfig& config,
                                     std::int64_t deadline_ns);

// One attestation: the payload, then one response. What is shown is read when it begins, so that
// an agent that attests again shows a renewed certificate.
class AgentSession final : public NodeAttestorAgentSession {
 public:
  AgentSession(Host host, std::shared_ptr<const AgentConfig> config)
      : host_(std::move(host)), config_(std::move(config)) {}

  Result<std::string> step(std::string_view challenge, std::int64_t deadline_ns) override;

 private:
  const Host host_;
  const std::shared_ptr<const AgentConfig> config_;
  std::optional<Credentials> credentials_;
  bool answered_ = false;
};

}  // namespace signet::x509pop
