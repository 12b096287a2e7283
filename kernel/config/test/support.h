// What the tests of the configuration share.
#pragma once

#include <string>
#include <string_view>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "config/reader.h"
#include "config/schema.h"

namespace signet::config {

/// The parsed text as JSON, or "error: ..." as a JSON string.
inline std::string json_of(const Result<ConfigNode>& node) {
  return node.ok() ? node->to_json().dump() : "error: " + node.status().message();
}

/// `text` checked by `schema`; both must be well formed.
inline Checked check(std::string_view schema, std::string_view text,
                     const CheckOptions& options = {}) {
  auto rule = Schema::parse(schema);
  EXPECT_TRUE(rule.ok()) << rule.status().to_string();
  auto node = parse_text(text, "f.conf");
  EXPECT_TRUE(node.ok()) << node.status().to_string();
  if (!rule.ok() || !node.ok()) return {};
  return rule->check(*node, options);
}

/// The errors and then the warnings, one a line.
inline std::string problems(const Checked& checked) {
  std::string out;
  for (const auto& list : {checked.errors, checked.warnings}) {
    for (const Problem& problem : list) out += (out.empty() ? "" : "\n") + problem.to_string();
  }
  return out;
}

}  // namespace signet::config
