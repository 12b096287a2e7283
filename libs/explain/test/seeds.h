// The faults that tests seed into the facts about a caller who would be given an identity.
#pragma once

#include <functional>
#include <ostream>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "explain/analyse.h"

namespace signet::explain::test {

inline constexpr std::int64_t kNow = 1'800'000'000'000'000'000;

inline Selector selector(const std::string& text) { return Selector::parse(text).value(); }
inline SelectorSet selectors(const std::vector<std::string>& texts) {
  SelectorSet out;
  for (const std::string& text : texts) out.push_back(selector(text));
  normalise(out);
  return out;
}
inline void attest(Facts& facts) {
  facts.selectors.emplace();
  for (const AttestorFacts& attestor : *facts.attestors) {
    for (const std::string& value : attestor.values)
      facts.selectors->push_back({attestor.name, value});
  }
  normalise(*facts.selectors);
}

/// A caller with two attestors and one entry that is for it; another workload's entry beside it.
inline Facts good() {
  Facts facts;
  facts.asked = "process 4711";
  facts.attestors = {
      {"unix", std::chrono::milliseconds(1), {}, {"uid:1000", "path:/usr/bin/shop"}},
      {"docker", std::chrono::milliseconds(3), {}, {"label:app:shop", "env:KEY=hush"}}};
  attest(facts);
  facts.agent.state = AgentFacts::State::kAttested;
  facts.agent.id = "spiffe://example.org/spire/agent/join_token/a";
  facts.agent.revision = facts.server.revision = 42;
  facts.agent.time_ns = facts.server.time_ns = kNow;
  EntryFacts entry;
  entry.id = "e1";
  entry.spiffe_id = "spiffe://example.org/shop";
  entry.parent_id = "spiffe://example.org/node";
  entry.selectors =
      selectors({"docker:label:app:shop", "unix:path:/usr/bin/shop", "unix:uid:1000"});
  entry.federates_with = {"peer.org"};
  entry.at_agent = true;
  facts.entries.push_back(entry);
  entry.id = "e0";
  entry.spiffe_id = "spiffe://example.org/other";
  entry.selectors = selectors({"docker:label:app:other", "docker:image_id:other",
                               "unix:path:/usr/bin/other", "unix:uid:1007", "unix:gid:1007"});
  entry.federates_with = {};
  facts.entries.push_back(entry);
  return facts;
}
inline EntryFacts& meant(Facts& facts) { return facts.entries.front(); }

struct Seed {
  v1::Fault fault;
  bool blocks;
  std::function<void(Facts&)> plant;
};
inline void PrintTo(const Seed& seed, std::ostream* out) { *out << v1::Fault_Name(seed.fault); }

inline void replace(EntryFacts& entry, const std::string& old, const std::string& other) {
  std::erase(entry.selectors, selector(old));
  entry.selectors.push_back(selector(other));
  normalise(entry.selectors);
}

/// In the order in which they decide.
inline const std::vector<Seed>& seeds() {
  static const std::vector<Seed> kSeeds = {
      {v1::AGENT_BANNED, true, [](Facts& f) { f.agent.state = AgentFacts::State::kBanned; }},
      {v1::AGENT_NOT_ATTESTED, true,
       [](Facts& f) { f.agent.state = AgentFacts::State::kNotAttested; }},
      {v1::SERVER_AWAY, false,
       [](Facts& f) {
         f.server.answer = ServerFacts::Answer::kAway;
         f.server.why = "connection refused";
       }},
      {v1::WRONG_PARENT, true, [](Facts& f) { meant(f).place = EntryFacts::Place::kElsewhere; }},
      {v1::ENTRY_EXPIRED, true,
       [](Facts& f) {
         meant(f).expired = true;
         meant(f).expires_at = kNow / 1'000'000'000 - 5;
       }},
      {v1::NOT_SYNCED, true,
       [](Facts& f) {
         meant(f).at_agent = false;
         f.agent.revision = 41;
       }},
      {v1::ATTESTOR_FAILED, true,
       [](Facts& f) {
         AttestorFacts& docker = f.attestors->back();
         docker.values.clear();
         docker.status = Status::unavailable("no daemon");
         attest(f);
       }},
      {v1::WRONG_UID, true, [](Facts& f) { replace(meant(f), "unix:uid:1000", "unix:uid:1001"); }},
      {v1::SELECTOR_MISSING, true,
       [](Facts& f) { replace(meant(f), "unix:path:/usr/bin/shop", "unix:path:/usr/bin/shpo"); }},
      {v1::CLOCK_SKEW, false, [](Facts& f) { f.agent.time_ns += 40'000'000'000; }},
      {v1::BUNDLE_MISSING, false, [](Facts& f) { f.missing_at_server.insert("peer.org"); }},
  };
  return kSeeds;
}

inline std::multiset<v1::Fault> faults(const v1::Explanation& explanation) {
  std::multiset<v1::Fault> out;
  for (const auto& finding : explanation.findings()) out.insert(finding.fault());
  return out;
}
/// NONE: none does.
inline v1::Fault decides(const v1::Explanation& explanation) {
  v1::Fault out = v1::NONE;
  for (const auto& finding : explanation.findings()) {
    if (finding.decides()) {
      EXPECT_EQ(out, v1::NONE) << "two decide";
      out = finding.fault();
    }
  }
  return out;
}

}  // namespace signet::explain::test
