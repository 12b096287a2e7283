#include "running_agent.h"

#include <algorithm>

#include "signet/attestor.h"

#include "bootstrap.h"
#include "wire.h"

namespace signet::agent {
namespace {

using std::chrono::nanoseconds;

constexpr std::chrono::seconds kRetryBase{5};
constexpr std::chrono::seconds kRetryCap{120};
constexpr std::chrono::minutes kRetryBudget{1};
constexpr std::chrono::hours kNever{24 * 365};

WorkloadOptions workload_options(const AgentConfig& config) {
  return {config.trust_domain, config.socket_path, config.allow_unauthenticated_verifiers,
          config.allowed_foreign_jwt_claims, config.disable_workload_api};
}

}  // namespace

Result<std::unique_ptr<RunningAgent>> RunningAgent::start(const Host& host,
                                                          const AgentConfig& config) {
  std::unique_ptr<RunningAgent> agent(new RunningAgent(host, config));
  SIGNET_RETURN_IF_ERROR(agent->open());
  return agent;
}

RunningAgent::RunningAgent(const Host& host, const AgentConfig& config)
    : host_(host),
      config_(config),
      file_(config.data_dir),
      identity_(host),
      trust_(host, config.trust_domain),
      server_(host, config.server_uri(), identity_, trust_),
      store_(host, {config.x509_cache_size, config.availability_target}),
      jwt_(host, server_, {config.jwt_cache_size, config.jwt_cache_hit_timeout},
           [this](const Status& failure) { judge(failure); }),
      sync_(host, config_, server_, store_, jwt_,
            {[this](const Status& failure) { judge(failure); },
             [this](const x509::Bundle& bundle) {
               trust_.set_authorities(x509::RootPool(bundle));
               keep([&](AgentData& data) { data.bundle = bundle.certificates(); });
             }}),
      endpoint_(host, workload_options(config_), store_, jwt_),
      boot_backoff_(kRetryBase, kRetryCap),
      renewal_backoff_(kRetryBase, kRetryCap),
      boot_loop_(host, [this] { return boot_round(); }),
      renewal_loop_(host, [this] { return renewal_round(); }) {}

RunningAgent::~RunningAgent() {
  ending_.store(true);
  server_.close();
  boot_loop_.stop();
  renewal_loop_.stop();
  sync_.stop();
  endpoint_.stop(nanoseconds(0));
}

void RunningAgent::drain(nanoseconds time) {
  ending_.store(true);
  host_.set_health("agent", true, false);
  // The loops first: the socket must not be opened after it was closed.
  server_.close();
  boot_loop_.stop();
  renewal_loop_.stop();
  sync_.stop();
  endpoint_.stop(time);
}

Status RunningAgent::open() {
  host_.set_health("agent", true, false);
  SIGNET_TRY(data_, file_.load());
  SIGNET_RETURN_IF_ERROR(identity_.open());
  phase_began_ns_ = host_.monotonic_ns();
  boot_loop_.start(nanoseconds(0));
  return {};
}

void RunningAgent::end(const std::string& reason) {
  if (ending_.exchange(true)) return;
  host_.error("Agent crashed", {{"error", reason}});
  host_.quit(1, reason);
}

// ---- coming up

nanoseconds RunningAgent::boot_round() {
  if (phase_ == Phase::kServing || ending_.load()) return kNever;
  const Phase before = phase_;
  const Status status = come_up();
  if (status.ok()) return kNever;
  if (ending_.load()) return kNever;
  if (phase_ != before) {  // the budget is each step's own
    phase_began_ns_ = host_.monotonic_ns();
    boot_backoff_.reset();
  }
  const std::string what =
      phase_ == Phase::kIdentity ? "failed to attest" : "failed to sync with the server";
  const Verdict verdict = verdict_of(status);
  if (verdict != Verdict::kNone) forget_identity();
  const bool hopeless = verdict != Verdict::kNone || status.code() == Code::kFailedPrecondition ||
                        (phase_ == Phase::kIdentity && status.code() == Code::kPermissionDenied);
  const nanoseconds wait = boot_backoff_.next();
  if (hopeless ||
      host_.monotonic_ns() + wait.count() - phase_began_ns_ > nanoseconds(kRetryBudget).count()) {
    end(what + ": " + status.to_string());
    return kNever;
  }
  host_.warn(phase_ == Phase::kIdentity ? "Failed to retrieve attestation result; will retry"
                                        : "Failed to initialize manager; will retry",
             {{"error", status.to_string()}, {"retry_interval", wait}});
  return wait;
}

Status RunningAgent::come_up() {
  if (phase_ == Phase::kIdentity) {
    SIGNET_RETURN_IF_ERROR(find_identity());
    phase_ = Phase::kSync;
  }
  if (const Status posted = server_.post_status(SIGNET_VERSION); !posted.ok()) {
    if (verdict_of(posted) != Verdict::kNone) return posted;
    host_.log_status(LogLevel::kWarn, "Failed to post agent status", posted);
  }
  SIGNET_RETURN_IF_ERROR(sync_.first_sync());
  phase_ = Phase::kServing;
  return serve();
}

Status RunningAgent::find_identity() {
  SIGNET_RETURN_IF_ERROR(first_trust());
  if (!data_.svid.empty()) {
    const x509::Certificate& leaf = data_.svid.front();
    SIGNET_TRY(const std::optional<std::string> key_id, identity_.find_key(leaf));
    const bool expired = x509::to_unix(leaf.not_after()) <= host_.unix_seconds() + 1;
    if (key_id && !expired) {
      host_.info("SVID loaded", {{"subsystem_name", "attestor"}});
      identity_.set(
          std::make_shared<AgentSvid>(AgentSvid{data_.svid, *key_id, data_.reattestable}));
      return {};
    }
    host_.warn(expired ? "The stored SVID has expired" : "The stored SVID's private key is missing",
               {{"subsystem_name", "attestor"}});
  }
  host_.info("SVID is not found. Starting node attestation", {{"subsystem_name", "attestor"}});
  SIGNET_RETURN_IF_ERROR(attest());
  host_.info("Node attestation was successful",
             {{"spiffe_id", identity_.current()->chain.front().spiffe_id()->to_string()},
              {"reattestable", identity_.current()->reattestable ? "true" : "false"}});
  return {};
}

// What is stored wins over what is configured, since the server's authorities may have changed.
Status RunningAgent::first_trust() {
  if (!data_.bundle.empty()) {
    host_.info("Bundle loaded", {{"subsystem_name", "attestor"}});
    trust_.set_authorities(x509::RootPool(data_.bundle));
    return {};
  }
  BootstrapAttempt attempt;
  keep([&](AgentData& data) {
    attempt.attempts = ++data.connection_attempts;
    attempt.started = host_.unix_seconds();
  });
  SIGNET_TRY(const auto authorities, load_first_bundle(config_, attempt));
  if (authorities.empty()) {
    host_.warn("Insecure bootstrap enabled; skipping server certificate verification");
    trust_.set_insecure(true);
  } else {
    trust_.set_authorities(x509::RootPool(authorities));
  }
  return {};
}

Status RunningAgent::serve() {
  if (config_.disable_workload_api && config_.disable_sds_api) {
    host_.info("Workload and SDS APIs are disabled");
  } else if (Status opened = endpoint_.start(); !opened.ok()) {
    end("cannot serve the Workload API: " + opened.message());
    return {};
  }
  up_.store(true);
  sync_.start();
  renewal_loop_.start(nanoseconds(0));
  keep([](AgentData& data) { data.connection_attempts = 0; });
  host_.set_health("agent", true, true);
  host_.info("Agent is running",
             {{"x509_svids", store_.counts().x509_svids}, {"entries", store_.counts().entries}});
  return {};
}

// ---- the agent's own SVID

namespace {

// The configured attestor, or the join token's when a token was given.
class PluginProof final : public NodeProof {
 public:
  PluginProof(const Host& host, std::string type, AgentAttestation session)
      : host_(host), type_(std::move(type)), session_(std::move(session)) {}

  static Result<std::unique_ptr<NodeProof>> open(const Host& host, bool join_token) {
    std::string type = "join_token";
    if (!join_token) {
      const auto names =
          ServiceHandle<signet_node_attestor_agent>::names(host, SIGNET_NODE_ATTESTOR_AGENT);
      if (names.empty()) return Status::failed_precondition("no node attestor is configured");
      type = names.front();
    }
    auto session = AgentAttestation::open(host, type, host.deadline_in(kPatience));
    if (!session) {
      return session.status().prefixed("node attestor \"" + type + "\"");
    }
    return std::unique_ptr<NodeProof>(
        std::make_unique<PluginProof>(host, std::move(type), std::move(*session)));
  }
  std::string type() const override { return type_; }
  Result<std::string> step(std::string_view challenge) override {
    return session_.step(challenge, host_.deadline_in(kPatience));
  }

 private:
  static constexpr std::chrono::seconds kPatience{30};
  Host host_;
  std::string type_;
  AgentAttestation session_;
};

}  // namespace

Status RunningAgent::attest() {
  SIGNET_TRY(const std::unique_ptr<NodeProof> proof,
             PluginProof::open(host_, config_.join_with_token));
  SIGNET_TRY(const AgentCsr key, identity_.new_key());
  SIGNET_TRY(const Attested attested, server_.attest(*proof, key.csr));
  SIGNET_TRY(const AgentSvidPtr svid, accept(attested.svid, key, attested.reattestable));
  SIGNET_TRY(const x509::Bundle bundle, bundle_from_wire(attested.bundle));
  if (bundle.trust_domain != config_.trust_domain || bundle.x509_authorities.empty())
    return Status::internal("the server sent no bundle of our trust domain");
  trust_.set_authorities(x509::RootPool(bundle));
  identity_.set(svid);
  server_.renew_connection();
  keep([&](AgentData& data) {
    data.svid = svid->chain;
    data.reattestable = svid->reattestable;
    data.bundle = bundle.certificates();
  });
  if (!up_.load()) return sync_.start_with(bundle);
  return {};  // the next sync brings it to the workloads
}

Status RunningAgent::renew() {
  SIGNET_TRY(const AgentCsr key, identity_.new_key());
  SIGNET_TRY(const types::X509SVID wire, server_.renew(key.csr));
  SIGNET_TRY(const AgentSvidPtr svid, accept(wire, key, false));
  identity_.set(svid);
  server_.renew_connection();
  keep([&](AgentData& data) {
    data.svid = svid->chain;
    data.reattestable = false;
  });
  return {};
}

Result<AgentSvidPtr> RunningAgent::accept(const types::X509SVID& wire, const AgentCsr& key,
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

nanoseconds RunningAgent::renewal_round() {
  const AgentSvidPtr svid = identity_.current();
  if (!svid || ending_.load()) return kNever;
  const double now = static_cast<double>(host_.wall_ns()) / 1e9;
  const bool due =
      must_reattest_.load() || sync_.tainted(svid->chain) ||
      should_rotate_x509(svid->not_before(), svid->not_after(), now, config_.availability_target);
  const nanoseconds check =
      std::clamp<nanoseconds>(std::chrono::seconds(svid->not_after() - svid->not_before()) / 20,
                              std::chrono::milliseconds(200), kRetryBase);
  if (!due) return check;
  const Status status = renew_identity(*svid);
  if (status.ok()) {
    renewal_backoff_.reset();
    return check;
  }
  if (ending_.load()) return kNever;
  host_.log_status(LogLevel::kError, "Failed to rotate agent SVID", status);
  judge(status);
  if (must_reattest_.load() && status.code() != Code::kUnavailable &&
      status.code() != Code::kDeadlineExceeded) {
    forget_identity();
    end("failed to attest again: " + status.to_string());
  } else if (now > static_cast<double>(svid->not_after())) {
    end("the agent's SVID has expired and could not be renewed: " + status.to_string());
  }
  return renewal_backoff_.next();
}

Status RunningAgent::renew_identity(const AgentSvid& svid) {
  const bool attest_again = svid.reattestable || must_reattest_.load();
  host_.debug("Rotating agent SVID", {{"reattest", attest_again ? "true" : "false"}});
  SIGNET_RETURN_IF_ERROR(attest_again ? attest() : renew());
  must_reattest_.store(false);
  const AgentSvidPtr fresh = identity_.current();
  host_.info("Successfully rotated agent SVID",
             {{"spiffe_id", fresh->chain.front().spiffe_id()->to_string()},
              Field::time("expiration", fresh->not_after())});
  return {};
}

// ---- what the server thinks of this agent

void RunningAgent::judge(const Status& failure) {
  if (!up_.load() || ending_.load()) return;  // while coming up the boot loop judges
  switch (verdict_of(failure)) {
    case Verdict::kBanned:
      forget_identity();
      store_.clear();
      jwt_.clear();
      end("the agent is banned: " + failure.message());
      return;
    case Verdict::kReattest:
    case Verdict::kNotActive: {
      const AgentSvidPtr svid = identity_.current();
      if (svid && svid->reattestable) {
        must_reattest_.store(true);
        renewal_loop_.kick();
        return;
      }
      forget_identity();
      end("the agent needs to attest anew and cannot by itself: " + failure.message());
      return;
    }
    case Verdict::kNone:
      if (trust_.took_unknown_authority())
        end("the server's certificate is signed by an authority that is not known: " +
            failure.message());
      return;
  }
}

void RunningAgent::forget_identity() {
  keep([](AgentData& data) {
    data.svid.clear();
    data.reattestable = false;
  });
}

void RunningAgent::keep(const std::function<void(AgentData&)>& change) {
  const std::lock_guard lock(data_mutex_);
  change(data_);
  if (const Status stored = file_.store(data_); !stored.ok())
    host_.log_status(LogLevel::kError, "Failed to store the agent's data", stored);
}

}  // namespace signet::agent
