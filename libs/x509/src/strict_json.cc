#include "x509/strict_json.h"

#include <set>

namespace signet::x509 {

namespace {

// Depth of nesting, counted before parsing so that no parser ever sees a deep document.
bool too_deep(std::string_view text) {
  std::size_t depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        in_string = false;
      }
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kMaxJsonDepth) return true;
    } else if ((c == '}' || c == ']') && depth > 0) {
      --depth;
    }
  }
  return false;
}

template <typename Json>
std::string print(const Json& value, int indent) {
  const std::string plain = value.dump(indent, ' ', false, Json::error_handler_t::replace);
  std::string text;
  text.reserve(plain.size());
  for (std::size_t i = 0; i < plain.size(); ++i) {
    // These bytes occur inside strings only, so no parsing is needed to find them.
    const std::string_view rest = std::string_view(plain).substr(i);
    if (rest[0] == '<') {
      text += "\\u003c";
    } else if (rest[0] == '>') {
      text += "\\u003e";
    } else if (rest[0] == '&') {
      text += "\\u0026";
    } else if (rest.starts_with("\xe2\x80\xa8") || rest.starts_with("\xe2\x80\xa9")) {
      text += rest[2] == '\xa8' ? "\\u2028" : "\\u2029";
      i += 2;
    } else {
      text += rest[0];
    }
  }
  return text;
}

}  // namespace

Result<nlohmann::json> parse_strict_json(std::string_view text, std::size_t max_bytes) {
  if (text.size() > max_bytes) {
    return Status::invalid_argument("JSON is larger than " + std::to_string(max_bytes) + " bytes");
  }
  if (too_deep(text)) return Status::invalid_argument("JSON is nested too deeply");
  std::vector<std::set<std::string>> names;  // of the objects that are open
  std::string duplicate;
  const auto watch = [&](int, nlohmann::json::parse_event_t event, nlohmann::json& value) {
    using Event = nlohmann::json::parse_event_t;
    if (event == Event::object_start) names.emplace_back();
    if (event == Event::object_end && !names.empty()) names.pop_back();
    if (event == Event::key && !names.empty() &&
        !names.back().insert(value.get<std::string>()).second) {
      duplicate = value.get<std::string>();
    }
    return true;
  };
  auto value = nlohmann::json::parse(text, watch, false);
  if (value.is_discarded()) return Status::invalid_argument("JSON is malformed");
  if (!duplicate.empty()) {
    return Status::invalid_argument("JSON has a member twice").with("member", duplicate);
  }
  return value;
}

std::string print_json(const nlohmann::json& value, int indent) { return print(value, indent); }
std::string print_json(const nlohmann::ordered_json& value, int indent) {
  return print(value, indent);
}

}  // namespace signet::x509
