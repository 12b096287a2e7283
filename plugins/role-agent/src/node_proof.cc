#include "node_proof.h"

#include <algorithm>

#include "signet/attestor.h"

namespace signet::agent {
namespace {

constexpr std::chrono::seconds kPatience{30};

class PluginProof final : public NodeProof {
 public:
  PluginProof(const Host& host, std::string type, AgentAttestation session)
      : host_(host), type_(std::move(type)), session_(std::move(session)) {}
  std::string type() const override { return type_; }
  Result<std::string> step(std::string_view challenge) override {
    return session_.step(challenge, host_.deadline_in(kPatience));
  }

 private:
  const Host host_;
  const std::string type_;
  AgentAttestation session_;
};

}  // namespace

Result<std::unique_ptr<NodeProof>> open_node_proof(const Host& host, bool join_token) {
  const auto names =
      ServiceHandle<signet_node_attestor_agent>::names(host, SIGNET_NODE_ATTESTOR_AGENT);
  if (names.empty()) return Status::failed_precondition("no node attestor is configured");
  std::string type = join_token ? "join_token" : names.front();
  if (std::find(names.begin(), names.end(), type) == names.end())
    return Status::failed_precondition("node attestor \"" + type + "\" is not loaded");
  auto session = AgentAttestation::open(host, type, host.deadline_in(kPatience));
  if (!session) {
    // Before the first word to the server, an invalid argument is one of ours: the settings.
    const Status& why = session.status();
    const bool settings = why.code() == Code::kInvalidArgument;
    return (settings ? why.with_code(Code::kFailedPrecondition) : why)
        .prefixed("node attestor \"" + type + "\"");
  }
  return std::unique_ptr<NodeProof>(
      std::make_unique<PluginProof>(host, std::move(type), std::move(*session)));
}

}  // namespace signet::agent
