#include "rebootstrap.h"

#include <algorithm>

#include "bootstrap.h"

namespace signet::agent {
namespace {

constexpr char kNotAllowed[] =
    "you have requested rebootstrap support but the NodeAttestor plugin or the spire server "
    "configuration is not allowing it";

}  // namespace

Status Rebootstrap::open() {
  const AgentData data = state_.data();
  if (!is_first()) since_ = data.bootstrap_started;
  return data.svid.empty() ? Status() : check(data.reattestable);
}

Status Rebootstrap::check(bool reattestable) {
  if (!enabled() || reattestable) return {};
  if (mode_ == RebootstrapMode::kAlways) return Status::failed_precondition(kNotAllowed);
  host_.warn(std::string(kNotAllowed) + ". Disabling");
  mode_ = RebootstrapMode::kNever;
  return {};
}

bool Rebootstrap::is_first() const {
  const AgentData data = state_.data();
  return data.bootstrap_use != AgentData::kUsedAgain && data.bundle.empty();
}

Status Rebootstrap::take() {
  settled_ = false;
  BootstrapAttempt attempt;
  attempt.again = !is_first();
  const std::int64_t now = host_.unix_seconds();
  state_.keep([&](AgentData& data) {
    if (data.bootstrap_use == 0)
      data.bootstrap_use = attempt.again ? AgentData::kUsedAgain : AgentData::kUsedFirst;
    if (data.bootstrap_started == 0) data.bootstrap_started = now;
    attempt.attempts = ++data.connection_attempts;
    attempt.started = data.bootstrap_started;
  });
  SIGNET_TRY(const auto authorities, load_first_bundle(host_, config_, attempt));
  if (authorities.empty()) {
    host_.warn("Insecure bootstrap enabled; skipping server certificate verification");
    trust_.set_insecure(true);
  } else {
    trust_.set_authorities(x509::RootPool(authorities));
  }
  return {};
}

void Rebootstrap::doubt() {
  settled_ = false;
  const std::int64_t now = host_.unix_seconds();
  // A clock that was set back must not make the wait longer.
  if (const std::int64_t since = since_; since == 0 || since > now) {
    since_ = now;
    state_.keep([&](AgentData& data) {
      data.bootstrap_use = AgentData::kUsedAgain;
      data.bootstrap_started = now;
    });
  }
  if (due()) {
    host_.warn("Trust Bundle and Server don't agree, rebootstrapping");
  } else {
    const std::chrono::seconds left =
        config_.rebootstrap_delay - std::chrono::seconds(now - since_);
    host_.info("Trust Bundle and Server don't agree, ignoring for now",
               {{"time_left", std::chrono::nanoseconds(left)}});
  }
}

bool Rebootstrap::due() const {
  const std::int64_t since = since_;
  return enabled() && since != 0 &&
         host_.unix_seconds() - since >= config_.rebootstrap_delay.count();
}

void Rebootstrap::settled() {
  if (settled_.exchange(true)) return;
  since_ = 0;
  state_.keep([](AgentData& data) {
    data.bootstrap_use = AgentData::kUsedAgain;
    data.bootstrap_started = 0;
    data.connection_attempts = 0;
  });
}

}  // namespace signet::agent
