// JoinTokenPlugin: both sides of join token attestation in one shared object.
//
// The server side has no settings. The agent side has the token: from its own block, else from
// the agent's join_token or join_token_file, which the host shares with the agent's plugins.
#pragma once

#include <memory>
#include <mutex>

#include "signet/attestor.h"
#include "signet/plugin.h"

#include "crypto/secret_bytes.h"

namespace signet::join_token {

class JoinTokenPlugin final : public Plugin, public NodeAttestorServer, public NodeAttestorAgent {
 public:
  static constexpr const char* kSchema = R"json({
    "type": "object",
    "properties": {
      "join_token": {"type": "string", "x-signet-secret": true,
                     "description": "the token to show (agent)"}
    },
    "additionalProperties": false
  })json";

  using Plugin::Plugin;
  static const void* service(std::string_view id);

  /// Errors   kInvalidArgument: not an object, the token is no string, or its file cannot be read
  ///          or is empty. An agent without a token starts: it may have its identity from before.
  Status configure(Call& call, std::string_view config) override;

  Result<std::unique_ptr<NodeAttestorServerSession>> open_server(
      std::string_view trust_domain, std::string_view client_address) override;
  /// Errors   kInvalidArgument "join token was not provided"
  Result<std::unique_ptr<NodeAttestorAgentSession>> open_agent() override;

 private:
  std::mutex mutex_;  // guards token_
  std::shared_ptr<const crypto::SecretBytes> token_;
};

}  // namespace signet::join_token
