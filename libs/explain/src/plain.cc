#include "explain/plain.h"

#include <algorithm>

#include "signet/utf8.h"

namespace signet::explain {
namespace {

unsigned at(std::string_view text, std::size_t i) {
  return i < text.size() ? static_cast<unsigned char>(text[i]) : 0;
}

std::string escaped(std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out += {'\\', 'x', kDigits[byte >> 4U], kDigits[byte & 15U]};
  }
  return out;
}

bool acts(std::string_view character) {
  const unsigned first = at(character, 0);
  if (character.size() == 1) return first < 0x20 || first == 0x7F;
  if (character.size() == 2) return first == 0xC2 && at(character, 1) < 0xA0;
  if (character.size() != 3 || first != 0xE2) return false;
  const unsigned second = at(character, 1), third = at(character, 2);
  if (second == 0x81) return third >= 0xA6 && third <= 0xA9;    // U+2066 to U+2069
  return second == 0x80 && (third == 0x8E || third == 0x8F ||   // U+200E, U+200F
                            (third >= 0xA8 && third <= 0xAE));  // U+2028 to U+202E
}

}  // namespace

std::string utf8(std::string_view text, std::size_t at_most) {
  std::string out;
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t size = utf8_length(rest);
    const std::string_view next = rest.substr(0, std::max<std::size_t>(size, 1));
    if (out.size() + next.size() > at_most)
      return out + "... (" + std::to_string(text.size()) + " bytes)";
    out += size == 0 ? escaped(next) : std::string(next);
    rest.remove_prefix(next.size());
  }
  return out;
}

std::string visible(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::string_view next = text.substr(0, std::max<std::size_t>(utf8_length(text), 1));
    out += acts(next) ? escaped(next) : std::string(next);
    text.remove_prefix(next.size());
  }
  return out;
}

}  // namespace signet::explain
