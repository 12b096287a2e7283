#include "finders.h"

#include <algorithm>

namespace signet::docker {
namespace {

using process::ContainerMatch;

constexpr std::string_view kAny = "*";
constexpr std::string_view kId = "<id>";

std::vector<std::string> split(std::string_view path) {
  std::vector<std::string> components;
  while (true) {
    const std::size_t slash = path.find('/');
    components.emplace_back(path.substr(0, slash));
    if (slash == std::string_view::npos) return components;
    path.remove_prefix(slash + 1);
  }
}

bool may_equal(const std::string& a, const std::string& b) {
  return a == b || a == kAny || b == kAny || a == kId || b == kId;
}

// Could both match one path?
bool ambiguous(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), may_equal);
}

std::optional<ContainerMatch> match(const std::vector<std::string>& pattern,
                                    std::string_view path) {
  ContainerMatch found;
  std::size_t at = 0;
  for (std::size_t n = 0; n < pattern.size(); ++n) {
    const std::size_t slash = path.find('/', at);
    const bool last = n + 1 == pattern.size();
    if ((slash == std::string_view::npos) != last) return std::nullopt;
    const std::size_t end = last ? path.size() : slash;
    const std::string_view component = path.substr(at, end - at);
    if (pattern[n] == kId) {
      found.container_id = component;
      found.end = end;
      if (const auto inner = find_after_docker(component)) found.container_id = inner->container_id;
    } else if (pattern[n] != kAny && pattern[n] != component) {
      return std::nullopt;
    }
    at = end + 1;
  }
  if (found.container_id.empty()) return std::nullopt;
  return found;
}

}  // namespace

std::optional<ContainerMatch> find_after_docker(std::string_view path) {
  const auto after = [path](std::string_view word) {
    return static_cast<std::size_t>(word.data() - path.data()) + word.size();
  };
  std::string_view word = process::next_word(path, 0);
  while (!word.empty() && word != "docker") word = process::next_word(path, after(word));
  if (word.empty()) return std::nullopt;
  std::optional<ContainerMatch> found;
  for (word = process::next_word(path, after(word)); !word.empty();
       word = process::next_word(path, after(word))) {
    if (!process::is_container_id(word)) continue;
    const std::size_t end = std::min(path.find('/', after(word)), path.size());
    found = ContainerMatch{std::string(word), {}, end};
  }
  return found;
}

Result<process::ContainerFinder> pattern_finder(const std::vector<std::string>& patterns) {
  std::vector<std::vector<std::string>> parsed;
  for (const std::string& pattern : patterns) {
    std::vector<std::string> components = split(pattern);
    if (std::count(components.begin(), components.end(), kId) != 1) {
      return Status::invalid_argument(
          "pattern \"" + pattern + "\" must contain the container id token \"<id>\" exactly once");
    }
    for (std::size_t n = 0; n < parsed.size(); ++n) {
      if (!ambiguous(parsed[n], components)) continue;
      return Status::invalid_argument("patterns must not be ambiguous: \"" + patterns[n] +
                                      "\" and \"" + pattern + "\"");
    }
    parsed.push_back(std::move(components));
  }
  return process::ContainerFinder([parsed = std::move(parsed)](std::string_view path) {
    std::optional<ContainerMatch> found;
    for (const auto& pattern : parsed) {
      if ((found = match(pattern, path))) break;
    }
    return found;
  });
}

}  // namespace signet::docker
