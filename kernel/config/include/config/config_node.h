// ConfigNode: a configuration file as a tree, whatever it was written in.
//
// HCL, JSON and YAML all become this tree, and every key and value in it knows where it
// came from. The tree keeps what the file said: members in order, a member that was
// written twice twice (HCL's blocks repeat), numbers with their spelling (so "0640"
// stays itself when the schema wants a string). What it all means is the schema's
// business: schema.h turns a tree into typed, canonical JSON.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "signet/status.h"

namespace signet::config {

// What no file may exceed, whatever its format.
inline constexpr std::size_t kMaxBytes = 4u << 20;
inline constexpr std::size_t kMaxDepth = 64;
inline constexpr std::size_t kMaxNodes = 200'000;

// Where something was written. Line 0 stands for a source without lines, such as the
// command line.
struct Position {
  std::shared_ptr<const std::string> file;
  std::uint32_t line = 0;    // from 1
  std::uint32_t column = 0;  // from 1, in characters, not bytes

  /// "server.conf:12:3"; only the source's name when there is no line.
  std::string to_string() const;
};

/// The position of everything a source without lines says: "command line", "default".
Position named_source(std::string_view name);

class ConfigNode {
 public:
  enum class Type : std::uint8_t { kNull, kBool, kInt, kFloat, kString, kList, kObject };
  struct Member;
  using Members = std::vector<Member>;
  using Items = std::vector<ConfigNode>;

  ConfigNode() = default;  // null
  static ConfigNode null(Position position);
  static ConfigNode boolean(bool value, Position position);
  /// `text` is the number as it was written.
  static ConfigNode integer(std::int64_t value, std::string text, Position position);
  static ConfigNode floating(double value, std::string text, Position position);
  static ConfigNode string(std::string value, Position position);
  static ConfigNode list(Position position);
  static ConfigNode object(Position position);
  /// Every node and key gets the same `position`. A number outside int64 becomes a float.
  static ConfigNode from_json(const nlohmann::json& json, const Position& position);

  Type type() const { return type_; }
  bool is_null() const { return type_ == Type::kNull; }
  bool is_string() const { return type_ == Type::kString; }
  bool is_list() const { return type_ == Type::kList; }
  bool is_object() const { return type_ == Type::kObject; }
  /// "null", "a boolean", "an integer", "a number", "a string", "a list", "an object".
  std::string_view type_phrase() const;
  const Position& position() const { return position_; }

  bool as_bool() const { return integer_ != 0; }    // kBool
  std::int64_t as_int() const { return integer_; }  // kInt
  double as_float() const { return float_; }        // kFloat
  /// The string, or a number as it was written, or "true" / "false"; else empty.
  const std::string& text() const { return text_; }
  const Items& items() const { return items_; }  // kList
  Items& items() { return items_; }
  const Members& members() const { return members_; }  // kObject
  Members& members() { return members_; }

  /// Adds a member, also when one of that name is there already.
  void add(std::string key, Position key_position, ConfigNode value);
  /// The first member called `key`: the exact name, else one that differs only in the
  /// case of ASCII letters (as HCL1 matches keys). Null when there is none.
  const ConfigNode* find(std::string_view key) const;

  /// JSON of the tree as it stands, without a schema: a repeated member becomes one
  /// object when all of its values are objects, else a list.
  nlohmann::ordered_json to_json() const;

 private:
  Type type_ = Type::kNull;
  std::int64_t integer_ = 0;
  double float_ = 0;
  std::string text_;
  Items items_;
  Members members_;
  Position position_;
};

struct ConfigNode::Member {
  std::string key;
  Position key_position;
  ConfigNode value;
};

/// All that the file says about object member `key` of `object`, as one object: repeated
/// blocks and lists of objects are joined in order (`a { x = 1 } a { y = 2 }` reads as
/// `a { x = 1 y = 2 }`). A null node when the member is absent.
/// Errors   kInvalidArgument with a position when one of them is not an object
Result<ConfigNode> merged_member(const ConfigNode& object, std::string_view key);

// One block with its labels: `NodeAttestor "join_token" { ... }`.
struct LabelledBlock {
  std::vector<std::string> labels;  // {"NodeAttestor", "join_token"}
  Position position;                // of the last label
  ConfigNode body;                  // an object
};

/// The blocks that lie `depth` labels below `node`, in file order. All the ways to write
/// one give the same: labels, nested objects, lists of objects, JSON with or without lists.
/// A body in several pieces (`"a": {"b": [{...}, {...}]}`) is one error, as is the same
/// labels twice.
/// Errors   kInvalidArgument with a position
Result<std::vector<LabelledBlock>> labelled_blocks(const ConfigNode& node, std::size_t depth);

/// RFC 7396 merge patch of `patch` onto `root`: what the command line says over what the
/// file says. A null removes. Positions of what it sets say `source`, for example
/// "command line". Keys match as find() does, so that the flag replaces what the file wrote.
void apply_overrides(ConfigNode& root, const nlohmann::json& patch, std::string_view source);

}  // namespace signet::config
