#include "join_token_plugin.h"

#include <algorithm>
#include <fstream>
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

namespace {

using Token = std::shared_ptr<const crypto::SecretBytes>;

constexpr std::size_t kMaxTokenFile = 4096;  // bytes

Token make_token(std::string_view text) {
  return std::make_shared<const crypto::SecretBytes>(crypto::as_bytes(text));
}

// Takes the text of `settings[name]` out and overwrites it there; null when it is not written.
Result<Token> take_token(nlohmann::json& settings, const char* name) {
  const auto found = settings.find(name);
  if (found == settings.end() || found->is_null()) return Token();
  if (!found->is_string()) return Status::invalid_argument(std::string(name) + " is not a string");
  auto& text = found->get_ref<std::string&>();
  Token token = text.empty() ? nullptr : make_token(text);
  crypto::wipe(text);
  return token;
}

// The file's content without the white space around it.
Result<Token> read_token_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  crypto::SecretBytes content(kMaxTokenFile);
  file.read(reinterpret_cast<char*>(content.data()), static_cast<std::streamsize>(content.size()));
  if (!file.is_open() || file.bad()) {
    return Status::invalid_argument("unable to read join token file " + path);
  }
  std::string_view text = content.text().substr(0, static_cast<std::size_t>(file.gcount()));
  constexpr std::string_view kSpace = " \t\r\n";
  text.remove_prefix(std::min(text.find_first_not_of(kSpace), text.size()));
  text = text.substr(0, text.find_last_not_of(kSpace) + 1);
  if (text.empty()) return Status::invalid_argument("join token file " + path + " is empty");
  return make_token(text);
}

// The agent's own settings, which the command line may have set. A server shares neither.
Result<Token> shared_token(const Host& host) {
  std::string text = host.shared_settings();
  auto shared = nlohmann::json::parse(text, nullptr, false);
  crypto::wipe(text);
  if (!shared.is_object()) return Token();
  SIGNET_TRY(Token token, take_token(shared, "join_token"));
  if (token) return token;
  const std::string path = shared.value("join_token_file", std::string());
  if (path.empty()) return Token();
  return read_token_file(path);
}

}  // namespace

Status JoinTokenPlugin::configure(Call&, std::string_view config) {
  auto settings = nlohmann::json::parse(config, nullptr, false);
  if (!settings.is_object()) return Status::invalid_argument("the settings are not an object");
  SIGNET_TRY(Token token, take_token(settings, "join_token"));
  if (!token) {
    SIGNET_TRY(token, shared_token(host()));
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
