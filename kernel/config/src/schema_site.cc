#include "schema_site.h"

#include <algorithm>

#include "ascii.h"
#include "utf8.h"

namespace signet::config {

Site Site::child(const Position& at, std::string_view key) const {
  Site out = *this;
  out.where = at;
  const bool plain = !key.empty() && std::all_of(key.begin(), key.end(), [](char c) {
    return is_letter(c) || is_digit(c) || c == '_' || c == '-';
  });
  if (!out.path.empty()) out.path += '.';
  out.path += plain ? std::string(key) : "\"" + std::string(key) + "\"";
  out.pointer += '/';
  for (const char c : key) {  // RFC 6901
    out.pointer += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
  }
  return out;
}

Site Site::item(const Position& at, std::size_t index) const {
  Site out = *this;
  out.where = at;
  out.path += "[" + std::to_string(index) + "]";
  out.pointer += "/" + std::to_string(index);
  return out;
}

std::string shown(const ConfigNode& node, const Site& site) {
  if (site.secret) return "the value";
  std::string out = "\"";
  std::string_view text = node.text();
  for (std::size_t n = 0; !text.empty(); ++n) {
    if (n == 64) {
      out += "...";
      break;
    }
    const std::size_t length = std::max<std::size_t>(utf8_length(text), 1);
    const bool control = static_cast<unsigned char>(text[0]) < 0x20 || text[0] == 0x7F;
    out += control ? std::string_view("?") : text.substr(0, length);
    text.remove_prefix(length);
  }
  return out + "\"";
}

std::string_view kind_name(Schema::Rule::Kind kind) {
  switch (kind) {
    case Schema::Rule::Kind::kObject:
      return "an object";
    case Schema::Rule::Kind::kArray:
      return "a list";
    case Schema::Rule::Kind::kString:
      return "a string";
    case Schema::Rule::Kind::kInteger:
      return "an integer";
    case Schema::Rule::Kind::kNumber:
      return "a number";
    case Schema::Rule::Kind::kBoolean:
      return "true or false";
    case Schema::Rule::Kind::kAny:
      break;
  }
  return "a value";
}

}  // namespace signet::config
