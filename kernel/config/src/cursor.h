// Cursor: a place in a text that knows its line and column. What the readers share.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "signet/status.h"

#include "config/config_node.h"

namespace signet::config {

class Cursor {
 public:
  Cursor(std::string_view text, std::string_view file)
      : text_(text), file_(std::make_shared<const std::string>(file)) {
    if (text_.substr(0, 3) == "\xEF\xBB\xBF") offset_ = 3;  // a byte order mark is no character
  }

  bool at_end() const { return offset_ >= text_.size(); }
  /// The byte `ahead` of here; NUL at the end (check_text keeps NUL out of the text).
  char peek(std::size_t ahead = 0) const {
    return offset_ + ahead < text_.size() ? text_[offset_ + ahead] : '\0';
  }
  std::string_view rest() const { return text_.substr(offset_); }
  std::size_t offset() const { return offset_; }
  std::string_view since(std::size_t start) const { return text_.substr(start, offset_ - start); }

  char next() {
    const char c = peek();
    if (at_end()) return c;
    ++offset_;
    if (c == '\n') {
      ++line_;
      column_ = 1;
    } else if ((static_cast<unsigned char>(peek()) & 0xC0) != 0x80 || at_end()) {
      ++column_;  // the character is complete
    }
    return c;
  }
  void skip(std::size_t bytes) {
    while (bytes-- > 0) next();
  }

  Position position() const { return Position{file_, line_, column_}; }

 private:
  std::string_view text_;
  std::shared_ptr<const std::string> file_;
  std::size_t offset_ = 0;
  std::uint32_t line_ = 1;
  std::uint32_t column_ = 1;
};

inline Status error_at(const Position& position, std::string_view message) {
  return Status::invalid_argument(position.to_string() + ": " + std::string(message));
}

// Counts what a reader builds, so that a small text cannot become a large tree.
class NodeBudget {
 public:
  Status take(const Position& position) {
    if (++used_ <= kMaxNodes) return {};
    return Status::resource_exhausted(position.to_string() + ": more than " +
                                      std::to_string(kMaxNodes) + " values");
  }

 private:
  std::size_t used_ = 0;
};

inline Status check_depth(std::size_t depth, const Position& position) {
  if (depth <= kMaxDepth) return {};
  return Status::resource_exhausted(position.to_string() + ": nested more than " +
                                    std::to_string(kMaxDepth) + " deep");
}

/// Refuses a text over kMaxBytes, one that is not UTF-8, and one with a NUL.
Status check_text(std::string_view text, std::string_view file);

}  // namespace signet::config
