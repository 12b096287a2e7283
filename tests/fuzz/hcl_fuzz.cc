// Fuzzes the HCL, JSON and YAML readers, and what stands behind them: joining blocks, overrides,
// the schema checker. Whatever a file holds, it ends in a tree that prints as JSON or in an
// error with a position.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include <nlohmann/json.hpp>

#include "config/expand_env.h"
#include "config/reader.h"
#include "config/schema.h"

namespace {

using namespace signet::config;

const Schema& schema() {
  static const Schema kSchema = *Schema::parse(R"({
    "required": ["server"], "additionalProperties": false,
    "properties": {
      "server": {"additionalProperties": false, "properties": {
        "port": {"type": "integer", "minimum": 1, "maximum": 65535, "default": 8081},
        "ttl": {"type": "string", "format": "duration", "minimum": "1m"},
        "size": {"type": "integer", "format": "size"},
        "kind": {"type": "string", "enum": ["one", "two"], "x-signet-ignore-case": true},
        "on": {"type": "boolean", "default": false, "x-signet-refuse": "later"},
        "names": {"type": "array", "items": {"type": "string"}},
        "secret": {"type": "string", "x-signet-secret": true},
        "ratio": {"type": "number", "maximum": 1.5}}},
      "plugins": {"additionalProperties": {"type": "object"}},
      "telemetry": {"x-signet-unknown": "warn", "properties": {
        "sinks": {"type": "array", "items": {"properties": {"url":
          {"type": "string", "format": "url"}}}, "x-signet-since": "issue 7"}}}}})");
  return kSchema;
}

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const auto parse : {&parse_hcl, &parse_json, &parse_yaml}) {
    auto tree = parse(text, "f");
    if (!tree.ok()) {
      require(!tree.status().message().empty());
      continue;
    }
    // dump() throws on anything that is not UTF-8.
    const std::string printed = tree->to_json().dump();
    require(parse_json(printed, "g").ok());
    const ConfigNode* plugins = tree->find("plugins");
    if (plugins != nullptr) (void)labelled_blocks(*plugins, 2).ok();
    apply_overrides(*tree, {{"server", {{"port", 1}, {"ttl", nullptr}}}}, "command line");
    const Checked checked = schema().check(*tree);
    (void)checked.value.dump();
    require(checked.errors.size() <= Checked::kMaxProblems);
    require(!checked.locate("/server/port").empty() || !checked.ok());
    (void)nlohmann::json(checked.status().message()).dump();
  }
  (void)expand_env(text, [](const std::string&) { return "v"; });
  return 0;
}
