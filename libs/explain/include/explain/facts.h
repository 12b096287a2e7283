// Facts: all that is known about why one caller gets an identity or none, gathered by an agent or a
// server. What is not known is told apart from what is not so.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "signet/status.h"

#include "explain/nearness.h"

namespace signet::explain {

struct AttestorFacts {
  std::string name;
  std::chrono::nanoseconds took{0};
  Status status;
  std::vector<std::string> values;  // of selectors of its type
  bool answered = true;             // else it is still at it
};

struct AgentFacts {
  enum class State { kUnknown, kAttested, kNotAttested, kBanned } state = State::kUnknown;
  std::string id;      // "" while it has none
  std::string why;     // it is not attested, or not synced
  bool synced = true;  // it has had its entries once
  // Of the server's log: all up to here it was told, and took over. 0: not known, or it is not told
  // but asks now and then.
  std::uint64_t revision = 0;
  std::chrono::nanoseconds silent{0};  // for so long it has left what it was told unanswered
  std::int64_t time_ns = 0;
  // Its clock is ahead of the server's (less than zero: behind) by this at least, so that it takes
  // the server's certificate for one of another time. Zero: not so.
  std::chrono::seconds clock_off{0};

  /// As far as is known, entries are handed out by it.
  bool good() const { return state == State::kAttested || state == State::kUnknown; }
};

struct EntryFacts {
  std::string id, spiffe_id, parent_id;
  SelectorSet selectors;
  std::vector<std::string> federates_with;  // trust domain names
  std::int64_t expires_at = 0;              // Unix seconds; 0: never
  bool expired = false;                     // by the server's clock; or an entry above it is
  enum class Place {
    kHere,       // below the agent, or, where no agent is meant, below some agent
    kElsewhere,  // below another one
    kNobody,     // nobody has its parent's ID
    kServer,     // it is a node alias, which is not handed out
  } place = Place::kHere;
  bool stored = false;              // its SVIDs go to SVID stores only
  std::optional<bool> at_agent;     // in this version; nothing: not known
  bool svid_expired = false;        // what the agent has for it is over by the agent's clock
  std::optional<AgentFacts> agent;  // that hands it out, where no agent is meant
};

struct ServerFacts {
  enum class Answer { kFull, kForeign, kAway, kNotAsked } answer = Answer::kFull;
  std::string why;                                // it is away
  std::optional<std::chrono::nanoseconds> heard;  // of one that is away: its last answer's age
  std::uint64_t revision = 0;
  std::int64_t time_ns = 0;              // at the agent's time_ns
  std::chrono::nanoseconds time_age{0};  // of the comparison of both clocks that it comes from
};

struct Facts {
  std::string asked;  // for what: "process 4711", as texts name it
  bool process_gone = false;
  std::optional<std::vector<AttestorFacts>> attestors;  // nothing: none was asked
  std::optional<SelectorSet> selectors;                 // of the caller; nothing: not told
  AgentFacts agent;                                     // the one that is meant
  ServerFacts server;
  std::vector<EntryFacts> entries;  // those meant, or else what may come near
  bool named = false;               // they are the ones meant
  // All selectors of some entry are the caller's, but it is below another parent; the agent is told
  // no more.
  bool elsewhere = false;
  std::set<std::string> missing_at_agent;  // bundles, by trust domain
  std::set<std::string> missing_at_server;
  std::vector<std::string> notes;
};

}  // namespace signet::explain
