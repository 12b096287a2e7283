// Schema::Rule: one schema, read once.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "config/schema.h"

namespace signet::config {

struct Schema::Rule {
  enum class Kind : std::uint8_t { kAny, kObject, kArray, kString, kInteger, kNumber, kBoolean };
  enum class Unknown : std::uint8_t { kKeep, kRefuse, kWarn, kRule };
  struct Property {
    std::string name;
    std::shared_ptr<const Rule> rule;
    bool required = false;
  };
  struct Bound {
    long double value = 0;  // nanoseconds or bytes for the formats duration and size
    std::string text;       // as the schema writes it
  };

  Kind kind = Kind::kAny;
  std::vector<Property> properties;
  std::unordered_map<std::string, std::size_t> index;  // lower-case name -> properties
  Unknown unknown = Unknown::kKeep;
  std::shared_ptr<const Rule> additional;  // kRule
  std::shared_ptr<const Rule> items;
  std::vector<std::vector<std::size_t>> one_of;  // each alternative's properties
  std::vector<nlohmann::ordered_json> choices;   // enum
  bool ignore_case = false;
  std::optional<Bound> minimum, maximum;
  std::optional<nlohmann::json> fallback;  // default
  std::string format;
  std::optional<std::string> no_effect;  // x-signet-since: "yet", x-signet-no-effect: ": reason"
  std::optional<std::string> refusal;    // x-signet-refuse
  bool restricts = false;
  bool secret = false;
};

/// The number that `minimum` and `maximum` compare: of a duration its nanoseconds, of a
/// size its bytes. Empty when `text` does not have the format.
std::optional<std::int64_t> measure(std::string_view format, std::string_view text);

/// Checks one of the built-in formats. Empty when `format` is none of them, else what is
/// wrong, "" when nothing is.
std::optional<std::string> check_builtin_format(std::string_view format, std::string_view text);

}  // namespace signet::config
