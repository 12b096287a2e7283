#include "config/expand_env.h"

#include <cstdlib>

#include "ascii.h"

namespace signet::config {
namespace {

bool is_special(char c) {
  return std::string_view("*#$@!?-").find(c) != std::string_view::npos || is_digit(c);
}
bool is_name(char c) { return is_letter(c) || is_digit(c) || c == '_'; }

struct Name {
  std::string_view name;
  std::size_t width = 0;  // bytes to drop after the $; with an empty name: a mistake, dropped
};

Name read_name(std::string_view text) {
  if (text[0] == '{') {
    const std::size_t end = text.find('}', 1);
    if (end == text.npos) return {{}, 1};
    return {text.substr(1, end - 1), end + 1};
  }
  if (is_special(text[0])) return {text.substr(0, 1), 1};
  std::size_t length = 0;
  while (length < text.size() && is_name(text[length])) ++length;
  return {text.substr(0, length), length};
}

}  // namespace

std::string expand_env(std::string_view text, const EnvLookup& lookup) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t dollar = text.find('$');
    out += text.substr(0, dollar);
    if (dollar == text.npos) break;
    text.remove_prefix(dollar + 1);
    if (text.empty()) {
      out += '$';
      break;
    }
    const Name found = read_name(text);
    if (found.width == 0) {
      out += '$';
    } else if (found.name == "$") {
      out += '$';
    } else if (!found.name.empty()) {
      out += lookup(std::string(found.name)).value_or("");
    }
    text.remove_prefix(found.width);
  }
  return out;
}

std::string expand_env(std::string_view text) {
  return expand_env(text, [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    if (value == nullptr) return {};
    return value;
  });
}

}  // namespace signet::config
