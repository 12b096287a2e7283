// HCL version 1 to ConfigNode: attributes, blocks, labelled blocks, lists.
#include <string>
#include <utility>

#include "config/reader.h"
#include "hcl_lexer.h"
#include "number.h"

namespace signet::config {
namespace {

class HclParser {
 public:
  HclParser(std::string_view text, std::string_view file) : lexer_(text, file) {}

  Result<ConfigNode> parse() {
    SIGNET_RETURN_IF_ERROR(advance());
    ConfigNode root = ConfigNode::object(token_.position);
    SIGNET_RETURN_IF_ERROR(read_members(root, 1));
    if (token_.kind != HclTokenKind::kEnd) return unexpected("a key");
    return root;
  }

 private:
  Status advance() {
    auto token = lexer_.next();
    if (!token.ok()) return token.status();
    token_ = std::move(*token);
    return {};
  }

  Status unexpected(std::string_view wanted) const {
    std::string message = "expected " + std::string(wanted) + ", found ";
    message += describe(token_.kind);
    // HCL knows no bare words, and a value without its quotes is the likeliest mistake.
    if (token_.kind == HclTokenKind::kIdentifier) message += " (a string needs quotes)";
    return error_at(token_.position, message);
  }

  bool is_key() const {
    return token_.kind == HclTokenKind::kIdentifier || token_.kind == HclTokenKind::kString;
  }

  // Members up to a closing brace or the end, with commas between them if the file has any.
  Status read_members(ConfigNode& object, std::size_t depth) {
    SIGNET_RETURN_IF_ERROR(check_depth(depth, token_.position));
    while (is_key()) {
      SIGNET_RETURN_IF_ERROR(read_member(object, depth));
      if (token_.kind == HclTokenKind::kComma) SIGNET_RETURN_IF_ERROR(advance());
    }
    return {};
  }

  // `key = value`, `key { }` or `key "label" { }`, where each label is an object more.
  Status read_member(ConfigNode& object, std::size_t depth) {
    HclToken key = std::move(token_);
    SIGNET_RETURN_IF_ERROR(budget_.take(key.position));
    SIGNET_RETURN_IF_ERROR(advance());
    if (is_key()) {
      SIGNET_RETURN_IF_ERROR(check_depth(depth + 1, token_.position));
      ConfigNode labelled = ConfigNode::object(token_.position);
      in_labels_ = true;
      SIGNET_RETURN_IF_ERROR(read_member(labelled, depth + 1));
      object.add(std::move(key.text), std::move(key.position), std::move(labelled));
      return {};
    }
    const bool has_labels = std::exchange(in_labels_, false);
    if (token_.kind == HclTokenKind::kAssign) {
      if (has_labels) return unexpected("'{' after a block's labels");
      SIGNET_RETURN_IF_ERROR(advance());
    } else if (token_.kind != HclTokenKind::kOpenBrace) {
      return unexpected("'=' or '{' after a key");
    }
    SIGNET_TRY(ConfigNode value, read_value(depth));
    object.add(std::move(key.text), std::move(key.position), std::move(value));
    return {};
  }

  Result<ConfigNode> read_value(std::size_t depth) {
    SIGNET_RETURN_IF_ERROR(budget_.take(token_.position));
    HclToken token = token_;
    switch (token.kind) {
      case HclTokenKind::kOpenBrace:
        return read_object(depth + 1);
      case HclTokenKind::kOpenBracket:
        return read_list(depth + 1);
      case HclTokenKind::kString:
        SIGNET_RETURN_IF_ERROR(advance());
        return ConfigNode::string(std::move(token.text), std::move(token.position));
      case HclTokenKind::kBool:
        SIGNET_RETURN_IF_ERROR(advance());
        return ConfigNode::boolean(token.text == "true", std::move(token.position));
      case HclTokenKind::kInteger: {
        const auto value = parse_integer(token.text);
        if (!value) {
          return error_at(token.position, "not a number that fits 64 bits (a string needs quotes)");
        }
        SIGNET_RETURN_IF_ERROR(advance());
        return ConfigNode::integer(*value, std::move(token.text), std::move(token.position));
      }
      case HclTokenKind::kFloat: {
        const auto value = parse_double(token.text);
        if (!value) return error_at(token.position, "not a number");
        SIGNET_RETURN_IF_ERROR(advance());
        return ConfigNode::floating(*value, std::move(token.text), std::move(token.position));
      }
      default:
        return unexpected("a value");
    }
  }

  Result<ConfigNode> read_object(std::size_t depth) {
    ConfigNode object = ConfigNode::object(token_.position);
    SIGNET_RETURN_IF_ERROR(advance());
    SIGNET_RETURN_IF_ERROR(read_members(object, depth));
    if (token_.kind != HclTokenKind::kCloseBrace) {
      return unexpected("a key or the '}' that closes the '{' at " + object.position().to_string());
    }
    SIGNET_RETURN_IF_ERROR(advance());
    return object;
  }

  Result<ConfigNode> read_list(std::size_t depth) {
    SIGNET_RETURN_IF_ERROR(check_depth(depth, token_.position));
    ConfigNode list = ConfigNode::list(token_.position);
    SIGNET_RETURN_IF_ERROR(advance());
    while (token_.kind != HclTokenKind::kCloseBracket) {
      SIGNET_TRY(ConfigNode item, read_value(depth));
      list.items().push_back(std::move(item));
      if (token_.kind == HclTokenKind::kComma) {
        SIGNET_RETURN_IF_ERROR(advance());
      } else if (token_.kind != HclTokenKind::kCloseBracket) {
        return unexpected("',' or ']' in the list that opens at " + list.position().to_string());
      }
    }
    SIGNET_RETURN_IF_ERROR(advance());
    return list;
  }

  HclLexer lexer_;
  HclToken token_;
  NodeBudget budget_;
  bool in_labels_ = false;
};

}  // namespace

Result<ConfigNode> parse_hcl(std::string_view text, std::string_view file) {
  SIGNET_RETURN_IF_ERROR(check_text(text, file));
  return HclParser(text, file).parse();
}

}  // namespace signet::config
