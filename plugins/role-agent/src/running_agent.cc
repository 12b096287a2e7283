#include "running_agent.h"

#include <algorithm>
#include <future>
#include <unistd.h>

#include "node_proof.h"
#include "verdict.h"

namespace signet::agent {
namespace {

using std::chrono::nanoseconds;

constexpr std::chrono::seconds kRetryBase{5};
constexpr std::chrono::seconds kRetryCap{120};
constexpr std::chrono::minutes kRetryBudget{1};
constexpr std::chrono::hours kRebootstrapBudget{24};
constexpr std::chrono::hours kNever{24 * 365};

WorkloadOptions workload_options(const AgentConfig& config, WitMinter& wit) {
  return {.trust_domain = config.trust_domain,
          .socket_path = config.socket_path,
          .allow_unauthenticated_verifiers = config.allow_unauthenticated_verifiers,
          .allowed_foreign_jwt_claims = config.allowed_foreign_jwt_claims,
          .disabled = config.disable_workload_api,
          .own_pid = getpid(),
          .call_rates = config.call_rates,
          .log_selectors = config.log_selectors,
          .sds_disabled = config.disable_sds_api,
          .sds = config.sds,
          .wit = config.wit_svids ? &wit : nullptr};
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
      state_(host, config.data_dir),
      identity_(host),
      trust_(host, config.trust_domain),
      clock_(host),
      rebootstrap_(host, config_, state_, trust_),
      server_(host, config.server_uri(), config.connection_age, identity_, trust_),
      store_(host, {config.x509_cache_size, config.availability_target}),
      jwt_(host, server_, {config.jwt_cache_size, config.jwt_cache_hit_timeout},
           [this](const Status& failure) { svid_.judge(failure); }),
      wit_(host, server_, config.workload_key_type,
           [this](const Status& failure) { svid_.judge(failure); }),
      sync_(host, config_, server_, store_, jwt_,
            {[this](const Status& failure) {
               svid_.judge(failure);
               delivery_.renew();  // it may wait at a server that is gone
             },
             [this](const x509::Bundle& bundle) {
               trust_.set_authorities(x509::RootPool(bundle));
               state_.keep([&](AgentData& data) { data.bundle = bundle.certificates(); });
             },
             [this](std::int64_t as_of_ns) {
               last_sync_.store(host_.unix_seconds());
               rebootstrap_.settled();
               hold_.level(as_of_ns);
             }}),
      svid_(host, config_, server_, identity_, trust_, state_, own_svid_hooks()),
      delivery_(host, server_, delivery_hooks()),
      hold_(host, {config_.hold, config_.hold_max}, [this](bool due) { sync_.sync_for_held(due); }),
      endpoint_(host, workload_options(config_, wit_), store_, jwt_, hold_,
                [this] { return up_.load(); }),
      debug_(host, {identity_, store_, [this] { return jwt_.size(); },
                    [this] { return last_sync_.load(); }}),
      logger_(host),
      delegated_(host, config_.authorized_delegates, endpoint_.attestor(), store_, jwt_,
                 [this] { return up_.load(); }),
      explain_(host, config_.redact_selectors, endpoint_.attestor(), identity_, store_, server_,
               [this] { return standing(); }),
      admin_(host, {config_.admin_socket_path, config_.admin_uids}),
      boot_backoff_(kRetryBase, kRetryCap),
      boot_loop_(host, [this] { return boot_round(); }) {}

RunningAgent::~RunningAgent() {
  ending_.store(true);
  server_.close();
  boot_loop_.stop();
  svid_.stop();
  sync_.stop();
  delivery_.stop();
  admin_.stop(nanoseconds(0));
  endpoint_.stop(nanoseconds(0));
}

void RunningAgent::drain(nanoseconds time) {
  ending_.store(true);
  host_.set_health("agent", true, false);
  // The loops first: the socket must not be opened after it was closed.
  server_.close();
  boot_loop_.stop();
  svid_.stop();
  sync_.stop();
  delivery_.stop();
  const std::int64_t until = host_.deadline_in(time);
  admin_.stop(time);
  endpoint_.stop(nanoseconds(std::max<std::int64_t>(until - host_.monotonic_ns(), 0)));
}

Status RunningAgent::open() {
  host_.set_health("agent", true, false);
  SIGNET_RETURN_IF_ERROR(state_.load());
  SIGNET_RETURN_IF_ERROR(rebootstrap_.open());
  SIGNET_RETURN_IF_ERROR(identity_.open());
  SIGNET_RETURN_IF_ERROR(open_admin_socket());
  if (hold_.enabled()) SIGNET_RETURN_IF_ERROR(open_socket());
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
  if (trust_.took_unknown_authority()) unknown_authority();
  if (phase_ != before) {  // the budget is each step's own
    phase_began_ns_ = host_.monotonic_ns();
    boot_backoff_.reset();
  }
  const std::string what =
      phase_ == Phase::kIdentity ? "failed to attest" : "failed to sync with the server";
  {
    const std::lock_guard lock(why_mutex_);
    why_ = status.to_string();
  }
  const Verdict verdict = verdict_of(status);
  if (verdict != Verdict::kNone) state_.forget_svid();
  const bool hopeless = verdict != Verdict::kNone || status.code() == Code::kFailedPrecondition ||
                        (phase_ == Phase::kIdentity && status.code() == Code::kPermissionDenied);
  const nanoseconds wait = boot_backoff_.next();
  const nanoseconds budget =
      rebootstrap_.enabled() ? nanoseconds(kRebootstrapBudget) : kRetryBudget;
  if (hopeless || host_.monotonic_ns() + wait.count() - phase_began_ns_ > budget.count()) {
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
    SIGNET_RETURN_IF_ERROR(first_trust());
    SIGNET_RETURN_IF_ERROR(svid_.find());
    SIGNET_RETURN_IF_ERROR(rebootstrap_.check(identity_.current()->reattestable));
    phase_ = Phase::kSync;
  }
  if (Status posted = server_.post_status(SIGNET_VERSION); !posted.ok()) {
    if (verdict_of(posted) != Verdict::kNone) return posted;
    host_.log_status(LogLevel::kWarn, "Failed to post agent status", posted);
  }
  SIGNET_RETURN_IF_ERROR(sync_.first_sync());
  phase_ = Phase::kServing;
  return serve();
}

// What is stored wins over what is configured, since the server's authorities may have changed.
Status RunningAgent::first_trust() {
  if (const auto stored = state_.data().bundle; !stored.empty()) {
    host_.info("Bundle loaded", {{"subsystem_name", "attestor"}});
    trust_.set_authorities(x509::RootPool(stored));
    return {};
  }
  return rebootstrap_.take();
}

// While it comes up. With a stored SVID or bundle the clock decides, as when it runs.
void RunningAgent::unknown_authority() {
  if (rebootstrap_.is_first()) {
    host_.info("Trust Bundle and Server don't agree, bootstrapping again");
    return;
  }
  if (!rebootstrap_.enabled()) return;
  rebootstrap_.doubt();
  if (!rebootstrap_.due()) return;
  state_.keep([](AgentData& data) {
    data.svid.clear();
    data.bundle.clear();
  });
  phase_ = Phase::kIdentity;
}

Status RunningAgent::open_socket() {
  if (config_.disable_workload_api && config_.disable_sds_api) {
    host_.info("Workload and SDS APIs are disabled");
    return {};
  }
  Status opened = endpoint_.start();
  return opened.ok() ? opened : opened.prefixed("cannot serve the Workload API");
}

// Early, whatever becomes of the rest: it is where one asks why.
Status RunningAgent::open_admin_socket() {
  if (config_.admin_socket_path.empty()) return {};
  SIGNET_RETURN_IF_ERROR(endpoint_.attestor().start());
  admin_.offer(debug_);
  admin_.offer(logger_);
  admin_.offer(delegated_);
  admin_.offer(explain_);
  Status opened = admin_.start();
  return opened.ok() ? opened : opened.prefixed("cannot serve the admin APIs");
}

Status RunningAgent::serve() {
  if (!hold_.enabled()) {
    if (const Status opened = open_socket(); !opened.ok()) {
      end(opened.message());
      return {};
    }
  }
  up_.store(true);
  sync_.start();
  svid_.start();
  delivery_.start();
  host_.set_health("agent", true, true);
  host_.info("Agent is running",
             {{"x509_svids", store_.counts().x509_svids}, {"entries", store_.counts().entries}});
  return {};
}

AgentStanding RunningAgent::standing() const {
  const std::lock_guard lock(why_mutex_);
  AgentStanding out{banned_.load(), up_.load(), sync_.revision(), why_, trust_.clock_off()};
  out.clock = clock_.reading();
  out.heard_ns = server_.heard_ns();
  return out;
}

OwnSvid::Hooks RunningAgent::own_svid_hooks() {
  OwnSvid::Hooks hooks;
  hooks.prove = [this] { return open_node_proof(host_, config_.join_with_token); };
  hooks.replaced = [this] { server_.renew_connection(); };
  hooks.attested = [this](const x509::Bundle& bundle) -> Status {
    if (!up_.load()) return sync_.start_with(bundle);
    if (rebootstrap_.due()) {
      // What the old authorities signed is of no use to anybody who believes the new ones.
      (void)store_.taint(old_roots_, [](std::size_t) { return nanoseconds(0); });
      jwt_.clear();
      rebootstrap_.settled();
    }
    sync_.sync_soon();  // it may have been waiting long for this agent to be good again
    return {};
  };
  hooks.unknown_authority = [this] {
    if (!rebootstrap_.enabled()) return false;
    rebootstrap_.doubt();
    return true;
  };
  hooks.bootstrap_due = [this] { return rebootstrap_.due(); };
  hooks.bootstrap = [this] {
    old_roots_ = x509::RootPool(state_.data().bundle);
    return rebootstrap_.take();
  };
  hooks.tainted = [this](const auto& chain) { return sync_.tainted(chain); };
  hooks.banned = [this] {
    banned_.store(true);
    store_.clear();
    jwt_.clear();
  };
  hooks.end = [this](const std::string& reason) { end(reason); };
  return hooks;
}

Delivery::Hooks RunningAgent::delivery_hooks() {
  Delivery::Hooks hooks;
  hooks.take = [this](delivery_v1::FollowResponse told) {
    const auto taken = std::make_shared<std::promise<Status>>();
    sync_.take(std::move(told), [taken](const Status& status) { taken->set_value(status); });
    return taken->get_future().get();
  };
  hooks.live = [this] { sync_.set_live(true); };
  hooks.clock = [this](std::int64_t asked, std::int64_t server) { clock_.compare(asked, server); };
  hooks.ended = [this](const Status& why) {
    sync_.set_live(false);
    if (!why.ok()) svid_.judge(why);
  };
  return hooks;
}

}  // namespace signet::agent
