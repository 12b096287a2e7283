#include "agent_attestor.h"

namespace signet::join_token {

Result<std::string> AgentSession::step(std::string_view challenge, std::int64_t) {
  if (shown_ || !challenge.empty()) {
    return Status::invalid_argument("unexpected challenge: a join token has none");
  }
  shown_ = true;
  return std::string(token_->text());
}

}  // namespace signet::join_token
