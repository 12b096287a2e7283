#include "explain/text.h"

#include <cctype>
#include <cstdio>

#include "explain/plain.h"

namespace signet::explain {
namespace {

// "SELECTOR_MISSING" as "selector missing".
std::string words(v1::Fault fault) {
  std::string out = v1::Fault_Name(fault);
  for (char& c : out) c = c == '_' ? ' ' : static_cast<char>(std::tolower(c));
  return out;
}

std::string millis(std::int64_t took_us) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f ms", static_cast<double>(took_us) / 1000);
  return text;
}

// What stands in it may be a workload's own choice.
std::string line(const std::string& text) { return visible(text) + "\n"; }

std::string finding_text(const v1::Finding& finding) {
  const std::string mark = finding.decides() ? "  => " : finding.blocks() ? "   - " : "   ! ";
  std::string out = line(mark + words(finding.fault()) + ": " + finding.text());
  if (!finding.remedy().empty()) out += line("      do: " + finding.remedy());
  return out;
}

// known: what the caller has, so that the rest is what it lacks.
std::string entry_text(const v1::NearEntry& entry, bool known) {
  std::string out = line("  " + entry.id() + "  " + entry.spiffe_id());
  if (!entry.parent_id().empty()) out += line("      parent: " + entry.parent_id());
  for (const std::string& selector : entry.has())
    out += line((known ? "      has:    " : "      asks:   ") + selector);
  for (const std::string& selector : entry.lacks()) out += line("      lacks:  " + selector);
  return out;
}

std::string side_text(const char* name, const v1::Side& side) {
  std::string out = std::string(name) + side.state();
  if (!side.id().empty()) out += ", " + side.id();
  if (side.revision() != 0) out += ", revision " + std::to_string(side.revision());
  return line(out);
}

}  // namespace

std::string text_of(const v1::Explanation& explanation) {
  const bool known = explanation.attested() || explanation.selectors_size() > 0;
  std::string out = !explanation.identity() ? "No identity is given.\n"
                    : known                 ? "An identity is given.\n"
                            : "An identity is given to a workload with the selectors below.\n";
  for (const v1::Finding& finding : explanation.findings()) out += finding_text(finding);
  if (explanation.attestors_size() > 0) out += "\nAttested:\n";
  for (const v1::Attestor& attestor : explanation.attestors()) {
    out += line("  " + attestor.name() + " in " + millis(attestor.took_us()) +
                (attestor.error().empty() ? "" : ", failed: " + attestor.error()));
    for (const std::string& selector : attestor.selectors()) out += line("      " + selector);
  }
  if (!explanation.attested() && explanation.selectors_size() > 0) {
    out += "\nSelectors:\n";
    for (const std::string& selector : explanation.selectors()) out += line("  " + selector);
  }
  if (explanation.entries_size() > 0) out += "\nNearest entries:\n";
  for (const v1::NearEntry& entry : explanation.entries()) out += entry_text(entry, known);
  out += "\n";
  if (explanation.has_agent()) out += side_text("Agent:  ", explanation.agent());
  if (explanation.has_server()) out += side_text("Server: ", explanation.server());
  for (const std::string& note : explanation.notes()) out += line("Note: " + note);
  return out;
}

}  // namespace signet::explain
