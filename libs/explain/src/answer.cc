#include "answer.h"

#include <algorithm>
#include <set>

#include "explain/analyse.h"
#include "explain/plain.h"

namespace signet::explain {
namespace {

std::string shown(const Selector& selector, const Redacted& redacted) {
  return explain::shown(selector.to_string(), redacted);
}

// A workload may have made up any number.
constexpr std::size_t kMostSelectors = 1000;

void told(const std::set<std::string>& selectors,
          google::protobuf::RepeatedPtrField<std::string>& into, v1::Explanation& out) {
  for (const std::string& selector : selectors) {
    if (static_cast<std::size_t>(into.size()) == kMostSelectors) {
      out.add_notes("of " + std::to_string(selectors.size()) + " selectors " +
                    std::to_string(kMostSelectors) + " are told");
      return;
    }
    into.Add(std::string(selector));
  }
}

void fill_caller(const Facts& facts, const Redacted& redacted, v1::Explanation& out) {
  out.set_attested(facts.attestors.has_value());
  if (facts.attestors) {
    for (const AttestorFacts& attestor : *facts.attestors) {
      v1::Attestor& told = *out.add_attestors();
      told.set_name(attestor.name);
      told.set_took_us(
          std::chrono::duration_cast<std::chrono::microseconds>(attestor.took).count());
      if (!attestor.status.ok()) told.set_error(utf8(attestor.status.message(), kMostShown));
      std::set<std::string> selectors;
      for (const std::string& value : attestor.values)
        selectors.insert(shown({attestor.name, value}, redacted));
      explain::told(selectors, *told.mutable_selectors(), out);
    }
  }
  if (!facts.selectors) return;
  std::set<std::string> selectors;  // those without values are all alike
  for (const Selector& selector : *facts.selectors) selectors.insert(shown(selector, redacted));
  told(selectors, *out.mutable_selectors(), out);
}

void fill_entry(const Candidate& candidate, bool matches, const Redacted& redacted,
                v1::NearEntry& told) {
  told.set_id(candidate.entry->id);
  told.set_spiffe_id(candidate.entry->spiffe_id);
  told.set_parent_id(candidate.entry->parent_id);
  for (const Selector& selector : candidate.near.has) told.add_has(shown(selector, redacted));
  for (const Selector& selector : candidate.near.lacks) told.add_lacks(shown(selector, redacted));
  told.set_matches(matches);
}

void fill_sides(const AgentFacts& judged, const ServerFacts& known, v1::Explanation& out) {
  static constexpr const char* kStates[] = {"unknown", "attested", "not attested", "banned"};
  static constexpr const char* kAnswers[] = {"answers", "not a Signet server", "away", "not asked"};
  v1::Side& agent = *out.mutable_agent();
  agent.set_id(judged.id);
  agent.set_state(kStates[static_cast<int>(judged.state)]);
  agent.set_revision(judged.revision);
  agent.set_time_ns(judged.time_ns);
  v1::Side& server = *out.mutable_server();
  server.set_state(kAnswers[static_cast<int>(known.answer)]);
  server.set_revision(known.revision);
  server.set_time_ns(known.time_ns);
}

}  // namespace

void fill_answer(const Facts& facts, const AgentFacts& agent, const Redacted& redacted,
                 const std::vector<Candidate>& candidates, v1::Explanation& out) {
  fill_caller(facts, redacted, out);
  const std::size_t told = std::min(candidates.size(), kNearest);
  for (std::size_t i = 0; i < told; ++i) {
    const bool matches = agent.good() && candidates[i].good();
    fill_entry(candidates[i], matches, redacted, *out.add_entries());
  }
  fill_sides(agent, facts.server, out);
  for (const std::string& note : facts.notes) out.add_notes(utf8(note, kMostShown));
}

}  // namespace signet::explain
