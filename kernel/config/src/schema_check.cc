// Checks a tree against a schema and makes it canonical JSON.
#include <algorithm>
#include <optional>
#include <utility>

#include "ascii.h"
#include "config/schema.h"
#include "json_out.h"
#include "merge.h"
#include "number.h"
#include "schema_rule.h"
#include "schema_site.h"

namespace signet::config {
namespace {

using Json = nlohmann::ordered_json;
using Rule = Schema::Rule;
using Values = std::vector<const ConfigNode*>;  // all that was written for one key

const Rule& anything() {
  static const Rule kAnything;
  return kAnything;
}

class Checker {
 public:
  explicit Checker(const CheckOptions& options) : options_(options) {}

  Checked run(const Rule& rule, const ConfigNode& root) {
    const Site site{root.position(), options_.path, "", rule.secret, false};
    Json value = check(rule, {&root}, site);
    out_.value = std::move(value);
    return std::move(out_);
  }

 private:
  void error(const Position& at, const Site& site, std::string message) {
    if (out_.errors.size() < Checked::kMaxProblems) {
      out_.errors.push_back({at, site.path, std::move(message)});
    } else {
      ++out_.left_out;
    }
  }
  void warn(const Site& site, std::string message) {
    if (out_.warnings.size() < Checked::kMaxProblems) {
      out_.warnings.push_back({site.where, site.path, std::move(message)});
    }
  }

  Json check(const Rule& rule, const Values& values, Site site) {
    site.secret = site.secret || rule.secret;
    if (!site.is_default) out_.positions.emplace(site.pointer, site.where);
    const std::size_t errors_before = out_.errors.size(), left_out_before = out_.left_out;
    Json value = convert(rule, values, site);
    const bool clean = out_.errors.size() == errors_before && out_.left_out == left_out_before;
    // The default, written out, asks for nothing.
    const bool asks =
        !site.is_default && !(clean && rule.fallback && value == Json(*rule.fallback));
    if (rule.no_effect && asks) warn(site, "is accepted but has no effect" + *rule.no_effect);
    if (rule.refusal && asks) {
      out_.errors.resize(errors_before);
      out_.left_out = left_out_before;
      error(site.where, site, *rule.refusal);
    }
    if (rule.secret) out_.secrets.push_back(site.pointer);
    return value;
  }

  Json convert(const Rule& rule, const Values& values, const Site& site) {
    switch (rule.kind) {
      case Rule::Kind::kAny:
        for (const ConfigNode* value : values) record(*value, site);
        return to_plain_json(values);
      case Rule::Kind::kObject:
        return object(rule, values, site);
      case Rule::Kind::kArray:
        return array(rule, values, site);
      default:
        break;
    }
    if (values.size() > 1) {
      error(values[1]->position(), site,
            "is set more than once, first at " + values[0]->position().to_string());
      return nullptr;
    }
    return scalar(rule, *values[0], site);
  }

  // Positions below a value that no rule describes.
  void record(const ConfigNode& value, const Site& site) {
    if (site.is_default) return;
    for (const ConfigNode::Member& member : value.members()) {
      const Site child = site.child(member.key_position, member.key);
      out_.positions.emplace(child.pointer, child.where);
      record(member.value, child);
    }
    for (std::size_t i = 0; i < value.items().size(); ++i) {
      const Site child = site.item(value.items()[i].position(), i);
      out_.positions.emplace(child.pointer, child.where);
      record(value.items()[i], child);
    }
  }

  struct Group {
    const ConfigNode::Member* first = nullptr;
    Values values;
  };

  Json object(const Rule& rule, const Values& values, const Site& site) {
    std::vector<const ConfigNode::Member*> members;
    for (const ConfigNode* value : values) {
      if (const ConfigNode* bad = collect_members(*value, members)) {
        error(bad->position(), site, "must be an object, not " + std::string(bad->type_phrase()));
        return nullptr;
      }
    }
    std::vector<Group> known(rule.properties.size());
    std::vector<Group> unknown;
    std::unordered_map<std::string_view, std::size_t> unknown_index;
    for (const ConfigNode::Member* member : members) {
      Group* group = nullptr;
      if (const auto at = rule.index.find(lower(member->key)); at != rule.index.end()) {
        if (is_absent(*rule.properties[at->second].rule, member->value)) continue;
        group = &known[at->second];
      } else {
        const auto [slot, is_new] = unknown_index.emplace(member->key, unknown.size());
        if (is_new) unknown.emplace_back();
        group = &unknown[slot->second];
      }
      if (group->first == nullptr) group->first = member;
      group->values.push_back(&member->value);
    }

    check_one_of(rule, known, site);
    Json::object_t out;
    for (std::size_t i = 0; i < known.size(); ++i) {
      const Rule::Property& property = rule.properties[i];
      if (known[i].first != nullptr) {
        append_member(out, property.name,
                      check(*property.rule, known[i].values,
                            site.child(known[i].first->key_position, property.name)));
      } else if (property.rule->fallback) {
        Site child = site.child(named_source("default"), property.name);
        child.is_default = true;
        const ConfigNode node = ConfigNode::from_json(*property.rule->fallback, child.where);
        append_member(out, property.name, check(*property.rule, {&node}, child));
      } else if (property.required) {
        error(site.where, site.child(site.where, property.name), "is required and missing");
      }
    }
    for (const Group& group : unknown) add_unknown(rule, group, site, out);
    return out;
  }

  // An empty string where a string is wanted is how templates and environments leave a
  // setting out, and how the format's first users read it.
  static bool is_absent(const Rule& rule, const ConfigNode& value) {
    return value.is_null() ||
           (rule.kind == Rule::Kind::kString && value.is_string() && value.text().empty());
  }

  void add_unknown(const Rule& rule, const Group& group, const Site& site, Json::object_t& out) {
    const Site child = site.child(group.first->key_position, group.first->key);
    if (rule.unknown == Rule::Unknown::kRule) {
      append_member(out, group.first->key, check(*rule.additional, group.values, child));
      return;
    }
    if (rule.unknown == Rule::Unknown::kKeep) {
      append_member(out, group.first->key, check(anything(), group.values, child));
      return;
    }
    std::vector<std::string> names;
    for (const Rule::Property& property : rule.properties) names.push_back(property.name);
    const std::string nearest = nearest_name(group.first->key, names);
    const std::string hint = nearest.empty() ? "" : "; did you mean \"" + nearest + "\"?";
    // A slip in the name of what restricts must not take the restriction away.
    const auto restricts = [&](const Rule::Property& property) {
      return property.name == nearest && property.rule->restricts;
    };
    if (rule.unknown == Rule::Unknown::kRefuse ||
        std::any_of(rule.properties.begin(), rule.properties.end(), restricts)) {
      error(child.where, child, "unknown key" + hint);
    } else {
      warn(child, "unknown key, ignored" + hint);
    }
  }

  void check_one_of(const Rule& rule, const std::vector<Group>& known, const Site& site) {
    if (rule.one_of.empty()) return;
    std::size_t given = 0;
    std::string all, several;
    const Group* last = nullptr;
    for (const auto& alternative : rule.one_of) {
      std::string name;
      for (const std::size_t i : alternative) {
        name += (name.empty() ? "\"" : " with \"") + rule.properties[i].name + "\"";
      }
      all += (all.empty() ? "" : ", ") + name;
      if (!std::all_of(alternative.begin(), alternative.end(),
                       [&](std::size_t i) { return known[i].first != nullptr; })) {
        continue;
      }
      ++given;
      last = &known[alternative[0]];
      several += (several.empty() ? "" : " and ") + name;
    }
    if (given == 0) error(site.where, site, "exactly one is required of " + all);
    if (given > 1) error(last->first->key_position, site, "only one may be set: " + several);
  }

  Json array(const Rule& rule, const Values& values, const Site& site) {
    const Rule::Kind wanted = rule.items ? rule.items->kind : Rule::Kind::kAny;
    const bool takes_blocks = wanted == Rule::Kind::kObject || wanted == Rule::Kind::kAny;
    Values items;
    for (const ConfigNode* value : values) {
      if (value->is_list()) {
        for (const ConfigNode& item : value->items()) items.push_back(&item);
      } else if (value->is_object() && takes_blocks) {
        items.push_back(value);
      } else {
        error(value->position(), site, "must be a list, not " + std::string(value->type_phrase()));
        return nullptr;
      }
    }
    // Only blocks repeat; two lists of names are a slip of the writer.
    if (values.size() > 1 && !takes_blocks) {
      error(values[1]->position(), site,
            "is set more than once, first at " + values[0]->position().to_string());
      return nullptr;
    }
    Json out = Json::array();
    for (std::size_t i = 0; i < items.size(); ++i) {
      const Site child = site.item(items[i]->position(), i);
      out.push_back(check(rule.items ? *rule.items : anything(), {items[i]}, child));
    }
    return out;
  }

  Json scalar(const Rule& rule, const ConfigNode& node, const Site& site) {
    if (node.is_list() || node.is_object() || node.is_null()) {
      error(node.position(), site,
            "must be " + std::string(kind_name(rule.kind)) + ", not " +
                std::string(node.type_phrase()));
      return nullptr;
    }
    std::optional<Json> value = typed(rule, node);
    if (!value) {
      error(node.position(), site,
            shown(node, site) + " is not " + std::string(kind_name(rule.kind)) +
                (rule.kind == Rule::Kind::kString ? " (write it in quotes)" : ""));
      return nullptr;
    }
    if (!rule.choices.empty()) {
      choose(rule, node, site, *value);
      return *value;
    }
    if (value->is_string()) check_format(rule, node, site);
    check_bounds(rule, node, site, *value);
    return *value;
  }

  static std::optional<Json> typed(const Rule& rule, const ConfigNode& node) {
    const bool is_text = node.is_string();
    switch (rule.kind) {
      case Rule::Kind::kString:
        if (node.type() == ConfigNode::Type::kBool) return {};
        return Json(node.text());
      case Rule::Kind::kInteger:
        if (node.type() == ConfigNode::Type::kInt) return Json(node.as_int());
        if (!is_text) return {};
        if (const auto number = parse_integer(node.text())) return Json(*number);
        if (const auto size = measure(rule.format, node.text())) return Json(*size);
        return {};
      case Rule::Kind::kNumber:
        if (node.type() == ConfigNode::Type::kInt) return Json(node.as_int());
        if (node.type() == ConfigNode::Type::kFloat) return Json(node.as_float());
        if (!is_text) return {};
        if (const auto number = parse_double(node.text())) return Json(*number);
        return {};
      case Rule::Kind::kBoolean:
        if (node.type() == ConfigNode::Type::kBool) return Json(node.as_bool());
        if (is_text && (node.text() == "true" || node.text() == "false")) {
          return Json(node.text() == "true");
        }
        return {};
      default:
        return {};
    }
  }

  void choose(const Rule& rule, const ConfigNode& node, const Site& site, Json& value) {
    std::vector<std::string> names;
    for (const Json& choice : rule.choices) {
      const bool same =
          choice == value || (rule.ignore_case && choice.is_string() && value.is_string() &&
                              equal_ignoring_case(choice.get_ref<const std::string&>(),
                                                  value.get_ref<const std::string&>()));
      if (same) {
        value = choice;
        return;
      }
      names.push_back(choice.is_string() ? choice.get<std::string>() : choice.dump());
    }
    std::string message = shown(node, site) + " is not one of";
    for (const std::string& name : names) {
      message += (&name == &names.front() ? " \"" : ", \"") + name + "\"";
    }
    const std::string nearest = site.secret ? "" : nearest_name(node.text(), names);
    if (!nearest.empty()) message += "; did you mean \"" + nearest + "\"?";
    error(node.position(), site, message);
  }

  void check_format(const Rule& rule, const ConfigNode& node, const Site& site) {
    if (rule.format.empty()) return;
    std::optional<std::string> wrong = check_builtin_format(rule.format, node.text());
    if (!wrong && options_.formats != nullptr) {
      const auto check = options_.formats->find(rule.format);
      if (check != options_.formats->end()) wrong = check->second(node.text());
    }
    if (wrong && !wrong->empty()) error(node.position(), site, shown(node, site) + " " + *wrong);
  }

  void check_bounds(const Rule& rule, const ConfigNode& node, const Site& site, const Json& value) {
    long double number = 0;
    if (value.is_string()) {
      const auto measured = measure(rule.format, node.text());
      if (!measured) return;  // the format has been reported, or there is nothing to compare
      number = static_cast<long double>(*measured);
    } else if (value.is_number_float()) {
      number = value.get<double>();
    } else if (value.is_number()) {
      number = static_cast<long double>(value.get<std::int64_t>());
    } else {
      return;
    }
    if (rule.minimum && number < rule.minimum->value) {
      error(node.position(), site, "must be at least " + rule.minimum->text);
    }
    if (rule.maximum && number > rule.maximum->value) {
      error(node.position(), site, "must be at most " + rule.maximum->text);
    }
  }

  const CheckOptions& options_;
  Checked out_;
};

}  // namespace

Checked Schema::check(const ConfigNode& node, const CheckOptions& options) const {
  return Checker(options).run(*rule_, node);
}

std::string Problem::to_string() const {
  std::string out = position.to_string();
  if (!out.empty()) out += ": ";
  if (!path.empty()) out += path + ": ";
  return out + message;
}

Status Checked::status() const {
  if (ok()) return {};
  std::string message;
  for (const Problem& problem : errors) {
    message += (message.empty() ? "" : "\n") + problem.to_string();
  }
  if (left_out > 0) message += "\nand " + std::to_string(left_out) + " more";
  return Status::invalid_argument(std::move(message));
}

std::string Checked::locate(std::string_view json_pointer) const {
  for (std::string pointer(json_pointer);;) {
    if (const auto found = positions.find(pointer); found != positions.end()) {
      return found->second.to_string();
    }
    if (pointer.empty()) return {};
    const std::size_t slash = pointer.rfind('/');
    pointer.erase(slash == std::string::npos ? 0 : slash);
  }
}

}  // namespace signet::config
