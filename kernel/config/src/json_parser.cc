// JSON (RFC 8259) to ConfigNode. Ours because nlohmann's parser keeps no positions.
#include <string>
#include <utility>

#include "ascii.h"
#include "config/reader.h"
#include "cursor.h"
#include "number.h"
#include "utf8.h"

namespace signet::config {
namespace {

class JsonParser {
 public:
  JsonParser(std::string_view text, std::string_view file) : cursor_(text, file) {}

  Result<ConfigNode> parse() {
    skip_blank();
    if (cursor_.peek() != '{') return error("expected '{' at the start of a JSON file");
    SIGNET_TRY(ConfigNode root, read_object(1));
    skip_blank();
    if (!cursor_.at_end()) return error("unexpected text after the closing '}'");
    return root;
  }

 private:
  Status error(std::string_view message) const { return error_at(cursor_.position(), message); }

  void skip_blank() {
    for (;;) {
      const char c = cursor_.peek();
      if (c != ' ' && c != '\t' && c != '\r' && c != '\n') return;
      cursor_.next();
    }
  }

  bool take(char c) {
    if (cursor_.peek() != c) return false;
    cursor_.next();
    return true;
  }

  Result<ConfigNode> read_value(std::size_t depth) {
    const Position position = cursor_.position();
    SIGNET_RETURN_IF_ERROR(budget_.take(position));
    const char c = cursor_.peek();
    if (c == '{') return read_object(depth + 1);
    if (c == '[') return read_list(depth + 1);
    if (c == '"') {
      SIGNET_TRY(std::string text, read_string());
      return ConfigNode::string(std::move(text), position);
    }
    if (c == '-' || is_digit(c)) return read_number(position);
    const std::size_t start = cursor_.offset();
    while (is_letter(cursor_.peek())) cursor_.next();
    const std::string_view word = cursor_.since(start);
    if (word == "true" || word == "false") return ConfigNode::boolean(word == "true", position);
    if (word == "null") return ConfigNode::null(position);
    return error_at(position, "expected a value");
  }

  Result<ConfigNode> read_object(std::size_t depth) {
    ConfigNode object = ConfigNode::object(cursor_.position());
    SIGNET_RETURN_IF_ERROR(check_depth(depth, object.position()));
    cursor_.next();
    skip_blank();
    if (take('}')) return object;
    for (;;) {
      Position key_position = cursor_.position();
      SIGNET_RETURN_IF_ERROR(budget_.take(key_position));
      if (cursor_.peek() != '"') return error("expected a key in quotes");
      SIGNET_TRY(std::string key, read_string());
      skip_blank();
      if (!take(':')) return error("expected ':' after a key");
      skip_blank();
      SIGNET_TRY(ConfigNode value, read_value(depth));
      object.add(std::move(key), std::move(key_position), std::move(value));
      skip_blank();
      if (take('}')) return object;
      if (!take(',')) return error("expected ',' or '}' in an object");
      skip_blank();
    }
  }

  Result<ConfigNode> read_list(std::size_t depth) {
    ConfigNode list = ConfigNode::list(cursor_.position());
    SIGNET_RETURN_IF_ERROR(check_depth(depth, list.position()));
    cursor_.next();
    skip_blank();
    if (take(']')) return list;
    for (;;) {
      SIGNET_TRY(ConfigNode item, read_value(depth));
      list.items().push_back(std::move(item));
      skip_blank();
      if (take(']')) return list;
      if (!take(',')) return error("expected ',' or ']' in a list");
      skip_blank();
    }
  }

  Result<ConfigNode> read_number(const Position& position) {
    const std::size_t start = cursor_.offset();
    take('-');
    if (!take('0')) {
      if (!is_digit(cursor_.peek())) return error("expected a digit");
      while (is_digit(cursor_.peek())) cursor_.next();
    }
    bool is_float = false;
    if (take('.')) {
      is_float = true;
      if (!is_digit(cursor_.peek())) return error("expected a digit");
      while (is_digit(cursor_.peek())) cursor_.next();
    }
    if (to_lower(cursor_.peek()) == 'e') {
      is_float = true;
      cursor_.next();
      if (cursor_.peek() == '+' || cursor_.peek() == '-') cursor_.next();
      if (!is_digit(cursor_.peek())) return error("expected a digit");
      while (is_digit(cursor_.peek())) cursor_.next();
    }
    std::string text(cursor_.since(start));
    if (is_float) {
      const auto value = parse_double(text);
      if (!value) return error_at(position, "number is out of range");
      return ConfigNode::floating(*value, std::move(text), position);
    }
    const auto value = parse_integer(text);
    if (!value) return error_at(position, "number does not fit 64 bits");
    return ConfigNode::integer(*value, std::move(text), position);
  }

  Result<std::string> read_string() {
    const Position start = cursor_.position();
    std::string out;
    cursor_.next();
    while (!cursor_.at_end()) {
      const char c = cursor_.peek();
      if (static_cast<unsigned char>(c) < 0x20) return error("control character in a string");
      if (c == '"') {
        cursor_.next();
        return out;
      }
      if (c == '\\') {
        SIGNET_RETURN_IF_ERROR(read_escape(out));
      } else {
        out.push_back(cursor_.next());
      }
    }
    return error_at(start, "string is not closed with \"");
  }

  Status read_escape(std::string& out) {
    const Position start = cursor_.position();
    cursor_.next();
    constexpr std::string_view kNames = "\"\\/bfnrt";
    constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
    const char c = cursor_.next();
    if (c != '\0' && kNames.find(c) != kNames.npos) {
      out.push_back(kMeanings[kNames.find(c)]);
      return {};
    }
    if (c != 'u') return error_at(start, "unknown escape in a string");
    std::uint32_t code = 0;
    if (!read_hex(code)) return error_at(start, "\\u needs four hex digits");
    if (code >= 0xD800 && code < 0xDC00 && take('\\') && take('u')) {
      std::uint32_t low = 0;
      if (!read_hex(low) || low < 0xDC00 || low > 0xDFFF) {
        return error_at(start, "\\u escape is half of a pair");
      }
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    if (code == 0 || !append_utf8(out, code)) {
      return error_at(start, "\\u escape is not a character");
    }
    return {};
  }

  bool read_hex(std::uint32_t& out) {
    for (int i = 0; i < 4; ++i) {
      const unsigned digit = digit_value(cursor_.peek());
      if (digit > 15) return false;
      out = out * 16 + digit;
      cursor_.next();
    }
    return true;
  }

  Cursor cursor_;
  NodeBudget budget_;
};

}  // namespace

Result<ConfigNode> parse_json(std::string_view text, std::string_view file) {
  SIGNET_RETURN_IF_ERROR(check_text(text, file));
  return JsonParser(text, file).parse();
}

}  // namespace signet::config
