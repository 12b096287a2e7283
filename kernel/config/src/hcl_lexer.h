// HclLexer: the words of HCL version 1.
#pragma once

#include <string>
#include <string_view>

#include "config/config_node.h"
#include "cursor.h"

namespace signet::config {

enum class HclTokenKind {
  kEnd,
  kIdentifier,
  kString,  // quoted or heredoc
  kInteger,
  kFloat,
  kBool,
  kAssign,
  kComma,
  kOpenBrace,
  kCloseBrace,
  kOpenBracket,
  kCloseBracket,
};

struct HclToken {
  HclTokenKind kind = HclTokenKind::kEnd;
  std::string text;  // what the string means; the spelling of a number or a name
  Position position;
};

/// How a message names a kind: "'='", "a string", "the end of the file".
std::string_view describe(HclTokenKind kind);

class HclLexer {
 public:
  HclLexer(std::string_view text, std::string_view file) : cursor_(text, file) {}

  /// The next token. Comments (#, //, and /* */) and white space are skipped.
  /// Errors   kInvalidArgument with the position
  Result<HclToken> next();

 private:
  Status skip_blank();
  Status read_string(std::string& out);
  Status read_escape(std::string& out);
  Status read_heredoc(std::string& out);
  HclTokenKind read_number(std::string& out);

  Cursor cursor_;
};

}  // namespace signet::config
