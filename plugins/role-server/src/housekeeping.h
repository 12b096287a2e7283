// Housekeeping: what has to go from the datastore from time to time. Every server of the trust
// domain looks after it, and one at a time does it (run_alone.h).
#pragma once

#include "signet/datastore.h"

#include "agent_records.h"
#include "config.h"
#include "entry_store.h"

namespace signet::server {

class Housekeeping {
 public:
  Housekeeping(const Host& host, const ServerConfig& config, const Datastore& datastore,
               EntryStore& entries, AgentRecords& agents)
      : host_(host), config_(config), datastore_(datastore), entries_(entries), agents_(agents) {}

  Status start();
  /// What runs has ended when it returns.
  void stop();

  // What the timers call. Blocks.

  /// Expired entries and join tokens, every 5 minutes.
  void tidy();
  /// Agents that expired long ago, every hour, if the settings ask for it.
  void prune_agents();
  /// Journals of servers whose authorities have all ended two weeks ago, every 8 hours.
  void prune_journals();

 private:
  void run(std::string_view job, std::string_view what,
           const std::function<Result<std::size_t>()>& prune);

  const Host host_;
  const ServerConfig& config_;
  const Datastore& datastore_;
  EntryStore& entries_;
  AgentRecords& agents_;
  Timer tidy_timer_;
  Timer agents_timer_;
  Timer journals_timer_;
};

}  // namespace signet::server
