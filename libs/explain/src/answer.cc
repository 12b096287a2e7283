#include "answer.h"

#include <algorithm>
#include <set>

#include "explain/analyse.h"

namespace signet::explain {
namespace {

std::string shown(const Selector& selector, const Redacted& redacted) {
  return explain::shown(selector.to_string(), redacted);
}

void fill_caller(const Facts& facts, const Redacted& redacted, v1::Explanation& out) {
  out.set_attested(facts.attestors.has_value());
  if (facts.attestors) {
    for (const AttestorFacts& attestor : *facts.attestors) {
      v1::Attestor& told = *out.add_attestors();
      told.set_name(attestor.name);
      told.set_took_us(
          std::chrono::duration_cast<std::chrono::microseconds>(attestor.took).count());
      if (!attestor.status.ok()) told.set_error(attestor.status.message());
      std::set<std::string> selectors;
      for (const std::string& value : attestor.values)
        selectors.insert(shown({attestor.name, value}, redacted));
      for (const std::string& selector : selectors) told.add_selectors(selector);
    }
  }
  if (!facts.selectors) return;
  std::set<std::string> selectors;  // those without values are all alike
  for (const Selector& selector : *facts.selectors) selectors.insert(shown(selector, redacted));
  for (const std::string& selector : selectors) out.add_selectors(selector);
}

void fill_entry(const Candidate& candidate, const Redacted& redacted, v1::NearEntry& told) {
  told.set_id(candidate.entry->id);
  told.set_spiffe_id(candidate.entry->spiffe_id);
  told.set_parent_id(candidate.entry->parent_id);
  for (const Selector& selector : candidate.near.has) told.add_has(shown(selector, redacted));
  for (const Selector& selector : candidate.near.lacks) told.add_lacks(shown(selector, redacted));
  told.set_matches(candidate.good());
}

void fill_sides(const Facts& facts, v1::Explanation& out) {
  static constexpr const char* kStates[] = {"unknown", "attested", "not attested", "banned"};
  static constexpr const char* kAnswers[] = {"answers", "not a Signet server", "away", "not asked"};
  v1::Side& agent = *out.mutable_agent();
  agent.set_id(facts.agent.id);
  agent.set_state(kStates[static_cast<int>(facts.agent.state)]);
  agent.set_revision(facts.agent.revision);
  agent.set_time_ns(facts.agent.time_ns);
  v1::Side& server = *out.mutable_server();
  server.set_state(kAnswers[static_cast<int>(facts.server.answer)]);
  server.set_revision(facts.server.revision);
  server.set_time_ns(facts.server.time_ns);
}

}  // namespace

void fill_answer(const Facts& facts, const Redacted& redacted,
                 const std::vector<Candidate>& candidates, v1::Explanation& out) {
  fill_caller(facts, redacted, out);
  const std::size_t told = std::min(candidates.size(), kNearest);
  for (std::size_t i = 0; i < told; ++i) fill_entry(candidates[i], redacted, *out.add_entries());
  fill_sides(facts, out);
  for (const std::string& note : facts.notes) out.add_notes(note);
}

}  // namespace signet::explain
