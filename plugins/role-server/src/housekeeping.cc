#include "housekeeping.h"

#include <random>

#include "authority_journal.h"
#include "join_tokens.h"
#include "run_alone.h"

namespace signet::server {
namespace {

constexpr std::chrono::minutes kTidyPeriod{5};
constexpr std::chrono::hours kJournalsPeriod{8};
constexpr std::int64_t kJournalsKept = 14 * 24 * 3600;  // seconds after the last authority's end
constexpr std::chrono::minutes kAgentsPeriod{60};
constexpr int kAgentsJitter = 15;  // minutes, so that servers started together do not stay together

}  // namespace

Status Housekeeping::start() {
  SIGNET_RETURN_IF_ERROR(tidy_timer_.start_every(host_, kTidyPeriod, [this] { tidy(); }));
  SIGNET_RETURN_IF_ERROR(
      journals_timer_.start_every(host_, kJournalsPeriod, [this] { prune_journals(); }));
  if (!config_.prune_agents_expired_for) return {};
  std::minstd_rand random(std::random_device{}());
  std::uniform_int_distribution<int> jitter(-kAgentsJitter, kAgentsJitter);
  return agents_timer_.start(host_, kAgentsPeriod + std::chrono::minutes(jitter(random)),
                             kAgentsPeriod, [this] { prune_agents(); });
}

void Housekeeping::stop() {
  tidy_timer_.stop();
  agents_timer_.stop();
  journals_timer_.stop();
}

void Housekeeping::run(std::string_view job, std::string_view what,
                       const std::function<Result<std::size_t>()>& prune) {
  std::size_t pruned = 0;
  const auto ran = run_alone(datastore_, job, [&]() -> Status {
    SIGNET_TRY(pruned, prune());
    return {};
  });
  if (!ran) {
    host_.log_status(LogLevel::kError, "Pruning failed",
                     ran.status().with("job", std::string(what)));
  } else if (!*ran) {
    host_.debug("Another server prunes", {{"job", what}});
  } else if (pruned > 0) {
    host_.info("Pruned", {{"job", what}, {"count", pruned}});
  }
}

void Housekeeping::tidy() {
  const std::int64_t now = host_.unix_seconds();
  run("prune/entries", "expired entries", [&] { return entries_.prune(now); });
  run("prune/join_tokens", "expired join tokens",
      [&] { return prune_join_tokens(datastore_, now); });
}

void Housekeeping::prune_agents() {
  if (!config_.prune_agents_expired_for) return;
  const std::int64_t before = host_.unix_seconds() - config_.prune_agents_expired_for->count();
  run("prune/agents", "attested nodes",
      [&] { return agents_.prune(before, config_.prune_tofu_agents, config_.prune_agents_batch); });
}

void Housekeeping::prune_journals() {
  run("prune/journals", "authority journals",
      [&] { return server::prune_journals(datastore_, host_.unix_seconds() - kJournalsKept); });
}

}  // namespace signet::server
