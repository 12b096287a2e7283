#include "own_svid.h"

#include <algorithm>

#include "verdict.h"
#include "wire.h"

namespace signet::agent {
namespace {

using std::chrono::nanoseconds;

constexpr std::chrono::seconds kRetryBase{5};
constexpr std::chrono::seconds kRetryCap{120};
constexpr std::chrono::seconds kExpiredCap{30};
constexpr std::chrono::seconds kShortestRetry{1};
constexpr std::chrono::milliseconds kShortestCheck{200};
constexpr std::chrono::hours kNever{24 * 365};

// A refusal that asking again will not change. A server that is away, overloaded or in trouble says
// nothing about us.
bool about_us(const Status& status) {
  switch (status.code()) {
    case Code::kPermissionDenied:
    case Code::kUnauthenticated:
    case Code::kInvalidArgument:
    case Code::kFailedPrecondition:
    case Code::kNotFound:
    case Code::kUnimplemented:
      return true;
    default:
      return false;
  }
}

}  // namespace

OwnSvid::OwnSvid(Host host, const AgentConfig& config, ServerApi& server, AgentIdentity& identity,
                 ServerTrust& trust, AgentState& state, Hooks hooks)
    : host_(std::move(host)),
      config_(config),
      server_(server),
      identity_(identity),
      trust_(trust),
      state_(state),
      hooks_(std::move(hooks)),
      backoff_(kRetryBase, kRetryCap),
      loop_(host_, [this] { return round(); }) {}

Status OwnSvid::find() {
  const AgentData stored = state_.data();
  if (!stored.svid.empty()) {
    const x509::Certificate& leaf = stored.svid.front();
    SIGNET_TRY(const std::optional<std::string> key_id, identity_.find_key(leaf));
    const bool expired = x509::to_unix(leaf.not_after()) <= host_.unix_seconds() + 1;
    if (key_id && !expired) {
      host_.info("SVID loaded", {{"subsystem_name", "attestor"}});
      identity_.set(
          std::make_shared<AgentSvid>(AgentSvid{stored.svid, *key_id, stored.reattestable}));
      return {};
    }
    host_.warn(expired ? "The stored SVID has expired" : "The stored SVID's private key is missing",
               {{"subsystem_name", "attestor"}});
  }
  host_.info("SVID is not found. Starting node attestation", {{"subsystem_name", "attestor"}});
  SIGNET_RETURN_IF_ERROR(attest());
  const AgentSvidPtr svid = identity_.current();
  host_.info("Node attestation was successful",
             {{"spiffe_id", svid->chain.front().spiffe_id()->to_string()},
              {"reattestable", svid->reattestable ? "true" : "false"}});
  return {};
}

void OwnSvid::start() {
  started_.store(true);
  loop_.start(nanoseconds(0));
}

void OwnSvid::stop() {
  over_.store(true);
  loop_.stop();
}

// ---- getting one

Status OwnSvid::attest() {
  SIGNET_TRY(const std::unique_ptr<NodeProof> proof, hooks_.prove());
  SIGNET_TRY(const AgentCsr key, identity_.new_key());
  SIGNET_TRY(const Attested attested, server_.attest(*proof, key.csr));
  SIGNET_TRY(const AgentSvidPtr svid, accept(attested.svid, key, attested.reattestable));
  SIGNET_TRY(const x509::Bundle bundle, bundle_from_wire(attested.bundle));
  if (bundle.trust_domain != config_.trust_domain || bundle.x509_authorities.empty())
    return Status::internal("the server sent no bundle of our trust domain");
  trust_.set_authorities(x509::RootPool(bundle));
  identity_.set(svid);
  hooks_.replaced();
  state_.keep([&](AgentData& data) {
    data.svid = svid->chain;
    data.reattestable = svid->reattestable;
    data.bundle = bundle.certificates();
  });
  return hooks_.attested(bundle);
}

Status OwnSvid::renew() {
  SIGNET_TRY(const AgentCsr key, identity_.new_key());
  SIGNET_TRY(const types::X509SVID wire, server_.renew(key.csr));
  SIGNET_TRY(const AgentSvidPtr svid, accept(wire, key, false));
  identity_.set(svid);
  hooks_.replaced();
  state_.keep([&](AgentData& data) {
    data.svid = svid->chain;
    data.reattestable = false;
  });
  return {};
}

Result<AgentSvidPtr> OwnSvid::accept(const types::X509SVID& wire, const AgentCsr& key,
                                     bool reattestable) {
  SIGNET_TRY(auto chain, chain_from_wire(wire));
  const x509::Certificate& leaf = chain.front();
  if (crypto::as_text(leaf.spki()) != key.spki)
    return Status::internal("the server certified another key than ours");
  SIGNET_TRY(const SpiffeId id, leaf.spiffe_id());
  if (!id.member_of(config_.trust_domain))
    return Status::internal("the server gave an ID of another trust domain");
  return AgentSvidPtr(
      std::make_shared<AgentSvid>(AgentSvid{std::move(chain), key.key_id, reattestable}));
}

// ---- keeping it

bool OwnSvid::due(const AgentSvid& svid) const {
  return must_reattest_.load() || hooks_.bootstrap_due() || hooks_.tainted(svid.chain) ||
         should_rotate_x509(svid.not_before(), svid.not_after(), now(),
                            config_.availability_target);
}

nanoseconds OwnSvid::round() {
  const AgentSvidPtr svid = identity_.current();
  if (!svid || over_.load()) return kNever;
  const nanoseconds check =
      std::clamp<nanoseconds>(std::chrono::seconds(svid->not_after() - svid->not_before()) / 20,
                              kShortestCheck, kRetryBase);
  if (!due(*svid)) return check;
  const Status status = replace();
  if (status.ok()) {
    backoff_.reset();
    return check;
  }
  if (over_.load()) return kNever;
  host_.log_status(LogLevel::kError, "Failed to rotate agent SVID", status);
  judge(status);
  if (must_reattest_.load() && about_us(status)) {
    give_up("failed to attest again: " + status.to_string());
  } else if (!svid->reattestable && now() > static_cast<double>(svid->not_after())) {
    // One that can attest again needs no SVID for that, and what it serves may be valid for long.
    hooks_.end("the agent's SVID has expired and could not be renewed: " + status.to_string());
  }
  // Rarer while there is time, not when the end comes near.
  const std::chrono::duration<double> left(static_cast<double>(svid->not_after()) - now());
  // Nobody but its attestation lets it speak to a server that has come back.
  if (left.count() < 0) return std::min<nanoseconds>(backoff_.next(), kExpiredCap);
  return std::min(
      backoff_.next(),
      std::max<nanoseconds>(kShortestRetry, std::chrono::duration_cast<nanoseconds>(left / 8)));
}

Status OwnSvid::replace() {
  const bool anew = hooks_.bootstrap_due();
  if (anew) SIGNET_RETURN_IF_ERROR(hooks_.bootstrap());
  const bool attest_again = anew || identity_.current()->reattestable;
  host_.debug("Rotating agent SVID", {{"reattest", attest_again ? "true" : "false"}});
  SIGNET_RETURN_IF_ERROR(attest_again ? attest() : renew());
  must_reattest_.store(false);
  const AgentSvidPtr fresh = identity_.current();
  host_.info("Successfully rotated agent SVID",
             {{"spiffe_id", fresh->chain.front().spiffe_id()->to_string()},
              Field::time("expiration", fresh->not_after())});
  return {};
}

// ---- losing it

void OwnSvid::give_up(const std::string& reason) {
  state_.forget_svid();
  hooks_.end(reason);
}

void OwnSvid::judge(const Status& failure) {
  if (!started_.load() || over_.load()) return;
  switch (verdict_of(failure)) {
    case Verdict::kBanned:
      hooks_.banned();
      give_up("the agent is banned: " + failure.message());
      return;
    case Verdict::kReattest: {
      const AgentSvidPtr svid = identity_.current();
      if (!svid || !svid->reattestable) {
        give_up("the agent needs to attest anew and cannot by itself: " + failure.message());
        return;
      }
      if (!must_reattest_.exchange(true))
        host_.warn("The server asks for a new attestation", {{"reason", failure.message()}});
      loop_.kick();
      return;
    }
    case Verdict::kNone:
      if (trust_.took_unknown_authority() && !hooks_.unknown_authority()) {
        hooks_.end("the server's certificate is signed by an authority that is not known: " +
                   failure.message());
      }
      return;
  }
}

}  // namespace signet::agent
