// Schema: says what a configuration may hold, checks a tree, and makes it canonical JSON.
//
// The language is a small part of JSON Schema. A keyword outside it is refused when the
// schema is read, because a rule that is silently not applied is worse than none.
//
//   type                  object array string integer number boolean (absent: anything)
//   properties, required, items, enum, default, title, description, examples, $comment
//   additionalProperties  false: an unknown key is an error; a schema: for maps such as
//                         `federates_with "name" {}`; true or absent: kept as it is
//   minimum, maximum      numbers; with format duration or size a string such as "24h" too
//   oneOf                 only [{"required": [...]}, ...]: exactly one of them is given
//   format                duration (Go's), path, url, size; others by CheckOptions::formats,
//                         and one that nobody registered is not checked
//   x-signet-unknown      "warn": an unknown key is dropped with a warning, unless it is almost
//                         one of a key that restricts: that is refused
//   x-signet-restricts    true: the key restricts or protects, and so does each that has
//                         x-signet-refuse
//   x-signet-ignore-case  enum compares without case; the value becomes the enum's spelling
//   x-signet-since        "issue 7": accepted, one warning that it has no effect yet
//   x-signet-no-effect    "reason": accepted, one warning that it never has an effect, and why
//   x-signet-refuse       "reason": refused, unless the value is the default (a key that
//                         protects must not be accepted while it does nothing)
//   x-signet-secret       the value never appears in a message
//
// Values become the schema's type as HCL1 does it: "8081" is an integer where one is
// wanted and 8081 a string; an object alone is a list of one, and repeated blocks are a
// list, where a list of objects is wanted; repeated blocks and lists of objects are joined
// where an object is wanted. Keys match exactly, else without case. A null and, where a
// string is wanted, an empty string count as not written.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "signet/status.h"

#include "config/config_node.h"

namespace signet::config {

// Says what is wrong with a value ("is not a name"), or "" when it is right.
using FormatCheck = std::function<std::string(std::string_view value)>;
using FormatTable = std::map<std::string, FormatCheck, std::less<>>;

struct Problem {
  Position position;
  std::string path;     // `server.ca_ttl`, `plugins.KeyManager.disk`, `list[2]`
  std::string message;  // `unknown key; did you mean "trust_domain"?`

  /// "server.conf:12:3: server.ca_ttl: must be at least 1m"
  std::string to_string() const;
};

struct CheckOptions {
  std::string path;                      // full path of the checked node; "" at the root
  const FormatTable* formats = nullptr;  // beside the built-in ones
};

struct Checked {
  nlohmann::ordered_json value;               // typed, defaults filled in
  std::vector<Problem> errors;                // at most kMaxProblems; none: `value` may be used
  std::vector<Problem> warnings;              // at most kMaxProblems
  std::vector<std::string> secrets;           // JSON pointers into `value`
  std::map<std::string, Position> positions;  // JSON pointer into `value` -> where it was set

  std::size_t left_out = 0;  // errors beyond kMaxProblems

  static constexpr std::size_t kMaxProblems = 20;

  bool ok() const { return errors.empty(); }
  /// Ok, or kInvalidArgument with all errors, one a line.
  Status status() const;
  /// "server.conf:12:3" for a JSON pointer ("/server/ca_ttl") into `value`, or for the
  /// nearest parent that was written; "" when there is none.
  std::string locate(std::string_view json_pointer) const;
};

class Schema {
 public:
  /// Errors   kInvalidArgument: not JSON, an unknown keyword, or one with a wrong value
  static Result<Schema> parse(std::string_view json);
  static Result<Schema> from_json(const nlohmann::json& json);

  /// Checks `node` and converts it. Collects errors instead of stopping at the first.
  Checked check(const ConfigNode& node, const CheckOptions& options = {}) const;

  struct Rule;  // internal

 private:
  explicit Schema(std::shared_ptr<const Rule> rule) : rule_(std::move(rule)) {}
  std::shared_ptr<const Rule> rule_;
};

/// The candidate nearest to `word` by edit distance (without case), or "" when none is near.
std::string nearest_name(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace signet::config
