// Reads a schema. Everything in it is checked, since a slip here would let settings pass.
#include "schema_rule.h"

#include <set>
#include <utility>

#include "ascii.h"
#include "config/schema.h"

namespace signet::config {
namespace {

using Json = nlohmann::ordered_json;
using Rule = Schema::Rule;

class RuleReader {
 public:
  Result<std::shared_ptr<const Rule>> read(const Json& json, const std::string& where,
                                           std::size_t depth) const {
    const auto wrong = [&](std::string_view keyword) {
      return Status::invalid_argument("schema" + where + ": wrong value of \"" +
                                      std::string(keyword) + "\"");
    };
    if (!json.is_object()) return Status::invalid_argument("schema" + where + ": not an object");
    if (depth > kMaxDepth) return Status::invalid_argument("schema" + where + ": nested too deep");
    auto rule = std::make_shared<Rule>();
    // The others need to know these.
    if (!json.contains("type")) {
      rule->kind = implied_kind(json);
    } else if (!read_kind(json["type"], *rule)) {
      return wrong("type");
    }
    if (json.contains("format") && !read_string(json["format"], rule->format)) {
      return wrong("format");
    }
    if (json.contains("properties")) {
      SIGNET_RETURN_IF_ERROR(read_properties(json["properties"], where, depth, *rule));
    }
    for (const auto& [keyword, value] : json.items()) {
      if (is_annotation(keyword)) continue;
      if (!fits(keyword, rule->kind)) {
        return Status::invalid_argument("schema" + where + ": \"" + keyword +
                                        "\" does not fit the type");
      }
      if (keyword == "type" || keyword == "format" || keyword == "properties") continue;
      if (keyword == "items") {
        SIGNET_TRY(rule->items, read(value, where + "/items", depth + 1));
      } else if (keyword == "additionalProperties" && !value.is_boolean()) {
        SIGNET_TRY(rule->additional, read(value, where + "/additionalProperties", depth + 1));
        rule->unknown = Rule::Unknown::kRule;
      } else if (const auto good = read_keyword(keyword, value, *rule); !good) {
        return Status::invalid_argument("schema" + where + ": unknown keyword \"" + keyword + "\"");
      } else if (!*good) {
        return wrong(keyword);
      }
    }
    return std::shared_ptr<const Rule>(std::move(rule));
  }

 private:
  static bool is_annotation(std::string_view keyword) {
    for (std::string_view known :
         {"$schema", "$id", "$comment", "title", "description", "examples", "deprecated"}) {
      if (keyword == known) return true;
    }
    return false;
  }

  static bool is_object_keyword(std::string_view keyword) {
    return keyword == "properties" || keyword == "required" || keyword == "oneOf" ||
           keyword == "additionalProperties" || keyword == "x-signet-unknown";
  }

  static Rule::Kind implied_kind(const Json& json) {
    for (const auto& [keyword, value] : json.items()) {
      if (is_object_keyword(keyword)) return Rule::Kind::kObject;
      if (keyword == "items") return Rule::Kind::kArray;
    }
    return Rule::Kind::kAny;
  }

  // JSON Schema ignores a keyword that belongs to another type; here that is a mistake.
  static bool fits(std::string_view keyword, Rule::Kind kind) {
    const bool scalar =
        kind != Rule::Kind::kAny && kind != Rule::Kind::kObject && kind != Rule::Kind::kArray;
    if (is_object_keyword(keyword)) return kind == Rule::Kind::kObject;
    if (keyword == "items") return kind == Rule::Kind::kArray;
    if (keyword == "format") return kind == Rule::Kind::kString || kind == Rule::Kind::kInteger;
    if (keyword == "enum" || keyword == "minimum" || keyword == "maximum") return scalar;
    return true;
  }

  static bool read_string(const Json& json, std::string& out) {
    if (!json.is_string()) return false;
    out = json.get<std::string>();
    return !out.empty();
  }

  static bool read_kind(const Json& json, Rule& rule) {
    constexpr std::pair<std::string_view, Rule::Kind> kKinds[] = {
        {"object", Rule::Kind::kObject}, {"array", Rule::Kind::kArray},
        {"string", Rule::Kind::kString}, {"integer", Rule::Kind::kInteger},
        {"number", Rule::Kind::kNumber}, {"boolean", Rule::Kind::kBoolean}};
    if (!json.is_string()) return false;
    for (const auto& [name, kind] : kKinds) {
      if (json.get_ref<const std::string&>() != name) continue;
      rule.kind = kind;
      return true;
    }
    return false;
  }

  Status read_properties(const Json& json, const std::string& where, std::size_t depth,
                         Rule& rule) const {
    if (!json.is_object()) {
      return Status::invalid_argument("schema" + where + ": wrong value of \"properties\"");
    }
    for (const auto& [name, schema] : json.items()) {
      SIGNET_TRY(auto property, read(schema, where + "/properties/" + name, depth + 1));
      if (!rule.index.emplace(lower(name), rule.properties.size()).second) {
        return Status::invalid_argument("schema" + where + ": \"" + name +
                                        "\" differs from another property only in case");
      }
      rule.properties.push_back({name, std::move(property), false});
    }
    return {};
  }

  // Empty: no keyword of ours. False: its value is wrong.
  static std::optional<bool> read_keyword(std::string_view keyword, const Json& value, Rule& rule) {
    if (keyword == "required") return read_required(value, rule);
    if (keyword == "additionalProperties") {
      if (!value.get<bool>()) rule.unknown = Rule::Unknown::kRefuse;
      return true;
    }
    if (keyword == "oneOf") return read_one_of(value, rule);
    if (keyword == "enum") {
      if (!value.is_array() || value.empty()) return false;
      rule.choices.assign(value.begin(), value.end());
      return true;
    }
    if (keyword == "minimum") return read_bound(value, rule, rule.minimum);
    if (keyword == "maximum") return read_bound(value, rule, rule.maximum);
    if (keyword == "default") {
      rule.fallback = nlohmann::json(value);
      return !value.is_null();
    }
    if (keyword == "x-signet-unknown") {
      rule.unknown = Rule::Unknown::kWarn;
      return value.is_string() && value.get_ref<const std::string&>() == "warn";
    }
    if (keyword == "x-signet-ignore-case") return read_flag(value, rule.ignore_case);
    if (keyword == "x-signet-secret") return read_flag(value, rule.secret);
    if (keyword == "x-signet-restricts") return read_flag(value, rule.restricts);
    if (keyword == "x-signet-since") {
      rule.no_effect = " yet";
      return value.is_string();
    }
    if (keyword == "x-signet-no-effect") {
      if (!value.is_string()) return false;
      rule.no_effect = ": " + value.get<std::string>();
      return true;
    }
    if (keyword == "x-signet-refuse") {
      rule.restricts = true;
      return read_string(value, rule.refusal.emplace());
    }
    return {};
  }

  static bool read_flag(const Json& value, bool& out) {
    if (!value.is_boolean()) return false;
    out = value.get<bool>();
    return true;
  }

  static bool read_names(const Json& value, const Rule& rule, std::vector<std::size_t>& out) {
    if (!value.is_array()) return false;
    for (const Json& name : value) {
      if (!name.is_string()) return false;
      const auto found = rule.index.find(lower(name.get_ref<const std::string&>()));
      if (found == rule.index.end()) return false;
      out.push_back(found->second);
    }
    return !out.empty();
  }

  static bool read_required(const Json& value, Rule& rule) {
    if (value.is_array() && value.empty()) return true;
    std::vector<std::size_t> names;
    if (!read_names(value, rule, names)) return false;
    for (const std::size_t name : names) rule.properties[name].required = true;
    return true;
  }

  static bool read_one_of(const Json& value, Rule& rule) {
    if (!value.is_array() || value.empty()) return false;
    for (const Json& alternative : value) {
      if (!alternative.is_object() || alternative.size() != 1) return false;
      if (!alternative.contains("required")) return false;
      if (!read_names(alternative["required"], rule, rule.one_of.emplace_back())) return false;
    }
    return true;
  }

  static bool read_bound(const Json& value, const Rule& rule, std::optional<Rule::Bound>& out) {
    if (value.is_number_integer()) {
      out = Rule::Bound{static_cast<long double>(value.get<std::int64_t>()), value.dump()};
      return true;
    }
    if (value.is_number()) {
      out = Rule::Bound{static_cast<long double>(value.get<double>()), value.dump()};
      return true;
    }
    if (!value.is_string()) return false;
    const std::string text = value.get<std::string>();
    const auto measured = measure(rule.format, text);
    if (!measured) return false;
    out = Rule::Bound{static_cast<long double>(*measured), text};
    return true;
  }
};

}  // namespace

Result<Schema> Schema::parse(std::string_view json) {
  // Ordered, because defaults are written in the schema's order.
  const Json parsed = Json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (parsed.is_discarded()) return Status::invalid_argument("schema is not JSON");
  SIGNET_TRY(auto rule, RuleReader().read(parsed, "", 1));
  return Schema(std::move(rule));
}

Result<Schema> Schema::from_json(const nlohmann::json& json) {
  SIGNET_TRY(auto rule, RuleReader().read(Json(json), "", 1));
  return Schema(std::move(rule));
}

}  // namespace signet::config
