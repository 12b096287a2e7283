#include "server_attestor.h"

#include <memory>

#include "signet/datastore.h"
#include "signet/spiffe_id.h"

#include "crypto/encoding.h"
#include "crypto/hash.h"

namespace signet::join_token {
namespace {

constexpr std::string_view kKind = "join_token";

// The datastore's trouble: kInternal, as the peer says it, but for one that is away.
Status failed(const char* what, const Status& cause) {
  const Status status = cause.prefixed(what);
  return cause.code() == Code::kUnavailable ? status : status.with_code(Code::kInternal);
}

// Deletes the token's record and gives its expiry (Unix seconds). Once this has returned a value,
// no one else can use the token, whatever happens next.
Result<std::int64_t> burn(const Host& host, std::string_view token) {
  SIGNET_TRY(const Datastore store, Datastore::acquire(host));
  SIGNET_TRY(Transaction tx, store.write());
  auto record = tx.take(kKind, record_id(token));
  if (!record.ok()) {
    if (record.status().code() != Code::kNotFound) {
      return failed("failed to fetch join token", record.status());
    }
    return Status::invalid_argument(
        "failed to attest: join token does not exist or has already been used");
  }
  if (const auto committed = tx.commit(); !committed.ok()) {
    return failed("failed to delete join token", committed.status());
  }
  return record->expires_at;
}

}  // namespace

std::string record_id(std::string_view token) { return crypto::hex_encode(crypto::sha256(token)); }

Result<ServerStep> ServerSession::step(std::string_view from_agent, std::int64_t) {
  if (ended_) return Status::invalid_argument("join token attestation has one step only");
  ended_ = true;
  SIGNET_TRY(const TrustDomain trust_domain, TrustDomain::parse(trust_domain_));
  SIGNET_TRY(const std::int64_t expires_at, burn(host_, from_agent));
  // Every token has an end: a record without one is treated as if it had passed.
  if (expires_at < host_.unix_seconds()) return Status::invalid_argument("join token expired");
  auto agent_id =
      SpiffeId::make(trust_domain, "/spire/agent/join_token/" + std::string(from_agent));
  if (!agent_id.ok()) {
    return agent_id.status().prefixed("failed to create join token ID").with_code(Code::kInternal);
  }
  ServerStep step;
  step.attributes = std::make_unique<AgentAttributes>();
  step.attributes->agent_id = agent_id->to_string();
  step.attributes->can_reattest = false;
  return step;
}

}  // namespace signet::join_token
