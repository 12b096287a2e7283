// The agent's side of a join token: it shows the token, and that is all.
#pragma once

#include <memory>
#include <string_view>

#include "signet/attestor.h"

#include "crypto/secret_bytes.h"

namespace signet::join_token {

// One attestation. A challenge is an error: a join token has none.
class AgentSession final : public NodeAttestorAgentSession {
 public:
  /// token   not null, not empty
  explicit AgentSession(std::shared_ptr<const crypto::SecretBytes> token)
      : token_(std::move(token)) {}

  Result<std::string> step(std::string_view challenge, std::int64_t deadline_ns) override;

 private:
  std::shared_ptr<const crypto::SecretBytes> token_;
  bool shown_ = false;
};

}  // namespace signet::join_token
