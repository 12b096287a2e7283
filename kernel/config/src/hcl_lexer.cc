#include "hcl_lexer.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "ascii.h"
#include "utf8.h"

namespace signet::config {
namespace {

// Anything beyond ASCII counts as a letter; HCL1 asks Unicode, which refuses little more.
bool starts_identifier(char c) {
  return is_letter(c) || c == '_' || static_cast<unsigned char>(c) >= 0x80;
}
bool continues_identifier(char c) {
  return starts_identifier(c) || is_digit(c) || c == '-' || c == '.';
}
bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

std::string_view without_indent(std::string_view line) {
  const std::size_t start = line.find_first_not_of(" \t");
  return start == std::string_view::npos ? std::string_view() : line.substr(start);
}

}  // namespace

std::string_view describe(HclTokenKind kind) {
  switch (kind) {
    case HclTokenKind::kEnd:
      return "the end of the file";
    case HclTokenKind::kIdentifier:
      return "a name";
    case HclTokenKind::kString:
      return "a string";
    case HclTokenKind::kInteger:
    case HclTokenKind::kFloat:
      return "a number";
    case HclTokenKind::kBool:
      return "a boolean";
    case HclTokenKind::kAssign:
      return "'='";
    case HclTokenKind::kComma:
      return "','";
    case HclTokenKind::kOpenBrace:
      return "'{'";
    case HclTokenKind::kCloseBrace:
      return "'}'";
    case HclTokenKind::kOpenBracket:
      return "'['";
    case HclTokenKind::kCloseBracket:
      return "']'";
  }
  return "";
}

Status HclLexer::skip_blank() {
  while (!cursor_.at_end()) {
    const char c = cursor_.peek();
    if (is_blank(c)) {
      cursor_.next();
    } else if (c == '#' || (c == '/' && cursor_.peek(1) == '/')) {
      while (!cursor_.at_end() && cursor_.peek() != '\n') cursor_.next();
    } else if (c == '/' && cursor_.peek(1) == '*') {
      const Position start = cursor_.position();
      cursor_.skip(2);
      while (!cursor_.at_end() && !(cursor_.peek() == '*' && cursor_.peek(1) == '/')) {
        cursor_.next();
      }
      if (cursor_.at_end()) return error_at(start, "comment is not closed with */");
      cursor_.skip(2);
    } else {
      break;
    }
  }
  return {};
}

Result<HclToken> HclLexer::next() {
  SIGNET_RETURN_IF_ERROR(skip_blank());
  HclToken token;
  token.position = cursor_.position();
  if (cursor_.at_end()) return token;
  const char c = cursor_.peek();
  constexpr std::pair<char, HclTokenKind> kMarks[] = {
      {'=', HclTokenKind::kAssign},      {',', HclTokenKind::kComma},
      {'{', HclTokenKind::kOpenBrace},   {'}', HclTokenKind::kCloseBrace},
      {'[', HclTokenKind::kOpenBracket}, {']', HclTokenKind::kCloseBracket}};
  for (const auto& [mark, kind] : kMarks) {
    if (c == mark) {
      cursor_.next();
      token.kind = kind;
      return token;
    }
  }
  if (c == '"') {
    token.kind = HclTokenKind::kString;
    SIGNET_RETURN_IF_ERROR(read_string(token.text));
  } else if (c == '<' && cursor_.peek(1) == '<') {
    token.kind = HclTokenKind::kString;
    SIGNET_RETURN_IF_ERROR(read_heredoc(token.text));
  } else if (is_digit(c) || (c == '-' && is_digit(cursor_.peek(1)))) {
    token.kind = read_number(token.text);
  } else if (starts_identifier(c)) {
    const std::size_t start = cursor_.offset();
    while (!cursor_.at_end() && continues_identifier(cursor_.peek())) cursor_.next();
    token.text = cursor_.since(start);
    token.kind = token.text == "true" || token.text == "false" ? HclTokenKind::kBool
                                                               : HclTokenKind::kIdentifier;
  } else if (c > ' ' && c < 0x7F) {
    return error_at(token.position, std::string("unexpected character '") + c + "'");
  } else {
    return error_at(token.position, "unexpected control character");
  }
  // Escapes such as \xff can make what the text itself could not.
  if (!is_utf8(token.text) || token.text.find('\0') != std::string::npos) {
    return error_at(token.position, "string is not UTF-8 text");
  }
  return token;
}

Status HclLexer::read_string(std::string& out) {
  const Position start = cursor_.position();
  cursor_.next();  // the quote
  // HCL1 leaves ${...} untouched, quotes, escapes and line breaks in it included.
  std::size_t braces = 0;
  while (!cursor_.at_end()) {
    const char c = cursor_.peek();
    if (braces == 0) {
      if (c == '\n') break;
      if (c == '"') {
        cursor_.next();
        return {};
      }
      if (c == '\\') {
        SIGNET_RETURN_IF_ERROR(read_escape(out));
        continue;
      }
      if (c == '$' && cursor_.peek(1) == '{') {
        out.push_back(cursor_.next());
        ++braces;
      }
    } else if (c == '{') {
      ++braces;
    } else if (c == '}') {
      --braces;
    }
    if (c == '\r' && cursor_.peek(1) == '\n') cursor_.next();
    out.push_back(cursor_.next());
  }
  return error_at(start, "string is not closed with \"");
}

Status HclLexer::read_escape(std::string& out) {
  const Position start = cursor_.position();
  cursor_.next();  // the backslash
  constexpr std::string_view kNames = "abfnrtv\\\"";
  constexpr std::string_view kMeanings = "\a\b\f\n\r\t\v\\\"";
  const char c = cursor_.peek();
  if (const std::size_t i = c == '\0' ? kNames.npos : kNames.find(c); i != kNames.npos) {
    cursor_.next();
    out.push_back(kMeanings[i]);
    return {};
  }
  const bool octal = c >= '0' && c <= '7';
  const std::size_t digits = octal ? 3 : c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
  if (digits == 0) return error_at(start, "unknown escape in a string");
  const unsigned base = octal ? 8 : 16;
  if (!octal) cursor_.next();
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < digits; ++i) {
    const unsigned digit = digit_value(cursor_.peek());
    if (digit >= base) return error_at(start, "escape in a string has too few digits");
    value = value * base + digit;
    cursor_.next();
  }
  if (digits <= 3) {  // \x and octal are bytes
    if (value > 0xFF) return error_at(start, "escape in a string is out of range");
    out.push_back(static_cast<char>(value));
    return {};
  }
  if (value > 0x10FFFF || !append_utf8(out, static_cast<std::uint32_t>(value))) {
    return error_at(start, "escape in a string is not a Unicode character");
  }
  return {};
}

Status HclLexer::read_heredoc(std::string& out) {
  const Position start = cursor_.position();
  cursor_.skip(2);  // <<
  const bool indented = cursor_.peek() == '-';
  if (indented) cursor_.next();
  const std::size_t name_start = cursor_.offset();
  while (starts_identifier(cursor_.peek()) || is_digit(cursor_.peek())) cursor_.next();
  const std::string_view marker = cursor_.since(name_start);
  if (marker.empty()) return error_at(start, "<< needs a marker such as EOF");
  if (cursor_.peek() == '\r') cursor_.next();
  if (cursor_.peek() != '\n') return error_at(start, "the marker after << must end its line");
  cursor_.next();

  std::vector<std::string_view> lines;  // with their line breaks
  std::string_view indent;              // before the closing marker
  for (;;) {
    if (cursor_.at_end()) return error_at(start, "text after << is not closed by its marker");
    const std::size_t line_start = cursor_.offset();
    while (!cursor_.at_end() && cursor_.peek() != '\n') cursor_.next();
    std::string_view line = cursor_.since(line_start);
    std::string_view word = without_indent(line);
    while (!word.empty() && word.back() == '\r') word.remove_suffix(1);
    if (word == marker) {
      indent = line.substr(0, line.find(marker));
      break;  // what follows the marker's line goes on as usual
    }
    cursor_.next();
    lines.push_back(cursor_.since(line_start));
  }
  // <<- takes the marker's indent away, but only when every line has it.
  const bool strip = indented && std::all_of(lines.begin(), lines.end(), [&](auto line) {
                       return line.substr(0, indent.size()) == indent;
                     });
  for (std::string_view line : lines) {
    if (strip) line.remove_prefix(indent.size());
    if (line.ends_with("\r\n")) {  // HCL1 reads every line break as \n
      out += line.substr(0, line.size() - 2);
      out += '\n';
    } else {
      out += line;
    }
  }
  return {};
}

HclTokenKind HclLexer::read_number(std::string& out) {
  const std::size_t start = cursor_.offset();
  bool is_float = false;
  if (cursor_.peek() == '-') cursor_.next();
  if (cursor_.peek() == '0' && to_lower(cursor_.peek(1)) == 'x') {
    cursor_.skip(2);
    while (digit_value(cursor_.peek()) < 16) cursor_.next();
  } else {
    while (is_digit(cursor_.peek())) cursor_.next();
    if (cursor_.peek() == '.') {
      is_float = true;
      cursor_.next();
      while (is_digit(cursor_.peek())) cursor_.next();
    }
    if (to_lower(cursor_.peek()) == 'e') {
      is_float = true;
      cursor_.next();
      if (cursor_.peek() == '+' || cursor_.peek() == '-') cursor_.next();
      while (is_digit(cursor_.peek())) cursor_.next();
    }
  }
  // "12h" is a duration without its quotes: the parser says so, not "unexpected name".
  if (continues_identifier(cursor_.peek())) {
    while (!cursor_.at_end() && continues_identifier(cursor_.peek())) cursor_.next();
    is_float = false;
  }
  out = cursor_.since(start);
  return is_float ? HclTokenKind::kFloat : HclTokenKind::kInteger;
}

}  // namespace signet::config
