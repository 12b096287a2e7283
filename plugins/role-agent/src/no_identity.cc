#include "no_identity.h"

#include <algorithm>

namespace signet::agent {

std::string loggable_selectors(const SelectorSet& selectors,
                               const std::vector<std::string>& prefixes) {
  std::string out;
  if (prefixes.empty()) return out;
  std::vector<std::string> texts;
  for (const Selector& selector : selectors) {
    std::string text = selector.to_string();
    const auto names = [&](const std::string& prefix) {
      return text.starts_with(prefix) &&
             (text.size() == prefix.size() || text[prefix.size()] == ':');
    };
    if (std::any_of(prefixes.begin(), prefixes.end(), names)) texts.push_back(std::move(text));
  }
  std::sort(texts.begin(), texts.end());
  for (const std::string& text : texts) out += (out.empty() ? "" : ",") + text;
  return out;
}

void log_no_identity(const Host& host, std::int32_t pid, const std::string& loggable) {
  if (loggable.empty()) {
    host.error("No identity issued", {{"registered", "false"}, {"pid", pid}});
  } else {
    host.error("No identity issued",
               {{"registered", "false"}, {"pid", pid}, {"selectors", loggable}});
  }
}

}  // namespace signet::agent
