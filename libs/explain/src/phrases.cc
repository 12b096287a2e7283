#include "phrases.h"

#include "explain/shell.h"

namespace signet::explain {
namespace {

constexpr std::size_t kMostInCommand = 40;  // selectors

}  // namespace

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out.append(out.empty() ? "" : ", ").append(word);
  return out;
}

std::string millis(std::chrono::nanoseconds time) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(time).count()) +
         " ms";
}

std::string whole_seconds(std::chrono::nanoseconds time) {
  return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(time).count()) + " s";
}

std::string what_became_of(const AttestorFacts& attestor) {
  const std::string who = "the attestor " + attestor.name;
  if (!attestor.answered) return who + " has not answered after " + millis(attestor.took);
  return who + " failed after " + millis(attestor.took) + ": " + attestor.status.message();
}

std::string remedy_for(const AttestorFacts& attestor) {
  if (attestor.answered)
    return "the plugin's README says what it needs; the agent's log has the cause";
  return "what it asks is slow or away; callers wait for it for 5 s, or for 30 s where it is the "
         "only attestor (to wait longer here: -attestorTimeout 10s)";
}

std::string how_far(const AgentFacts& agent, const ServerFacts& server) {
  std::string out = agent.revision != 0
                        ? "was told up to revision " + std::to_string(agent.revision)
                        : "is not told of changes but asks now and then";
  out += ", the server is at " + std::to_string(server.revision);
  if (agent.silent >= std::chrono::seconds(1))
    out += "; it has not answered for " + whole_seconds(agent.silent);
  return out;
}

std::string server_away(const AgentFacts& agent, const ServerFacts& server) {
  std::string out = "the server does not answer";
  if (!server.why.empty()) out += ": " + server.why;
  if (!server.heard) return out;
  out += "; it last did " + whole_seconds(*server.heard) + " ago";
  if (agent.revision != 0)
    out += ", and has told of changes up to revision " + std::to_string(agent.revision);
  return out;
}

std::string server_command(const AgentFacts& agent, const std::optional<SelectorSet>& selectors,
                           const Redacted& redacted) {
  std::string out = "signet server explain";
  if (!agent.id.empty()) out += " -agentID " + agent.id;
  if (!selectors) return out;
  if (selectors->size() > kMostInCommand) return out + " -selector ... (each that it has)";
  for (const Selector& s : *selectors) {
    const std::string text = s.to_string();
    if (!is_redacted(text, redacted)) out += " -selector " + quoted(shown(text, redacted));
  }
  return out;
}

}  // namespace signet::explain
