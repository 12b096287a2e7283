#include "join_token_plugin.h"

#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include "agent_attestor.h"
#include "server_attestor.h"

namespace signet::join_token {

const void* JoinTokenPlugin::service(std::string_view id) {
  if (id == SIGNET_NODE_ATTESTOR_SERVER) return node_attestor_server_table<JoinTokenPlugin>();
  if (id == SIGNET_NODE_ATTESTOR_AGENT) return node_attestor_agent_table<JoinTokenPlugin>();
  return nullptr;
}

Status JoinTokenPlugin::configure(Call&, std::string_view config) {
  auto settings = nlohmann::json::parse(config, nullptr, false);
  if (!settings.is_object()) return Status::invalid_argument("the settings are not an object");
  std::shared_ptr<const crypto::SecretBytes> token;
  if (const auto found = settings.find("join_token"); found != settings.end()) {
    if (!found->is_string()) return Status::invalid_argument("join_token is not a string");
    auto& text = found->get_ref<std::string&>();
    if (!text.empty()) {
      token = std::make_shared<const crypto::SecretBytes>(crypto::as_bytes(text));
    }
    crypto::wipe(text);
  }
  const std::lock_guard lock(mutex_);
  token_ = std::move(token);
  return {};
}

Result<std::unique_ptr<NodeAttestorServerSession>> JoinTokenPlugin::open_server(
    std::string_view trust_domain, std::string_view) {
  return std::unique_ptr<NodeAttestorServerSession>(
      std::make_unique<ServerSession>(host(), std::string(trust_domain)));
}

Result<std::unique_ptr<NodeAttestorAgentSession>> JoinTokenPlugin::open_agent() {
  const std::lock_guard lock(mutex_);
  if (!token_) return Status::invalid_argument("join token was not provided");
  return std::unique_ptr<NodeAttestorAgentSession>(std::make_unique<AgentSession>(token_));
}

}  // namespace signet::join_token
