// From text to ConfigNode: HCL version 1, JSON, YAML.
//
// The readers never throw, hold the limits of config_node.h, and say where a mistake is:
// "server.conf:12:3: expected a value after '='". Text that cannot become UTF-8 strings is
// refused, so that a tree can always be printed as JSON. No message repeats a value.
#pragma once

#include <string>
#include <string_view>

#include "signet/status.h"

#include "config/config_node.h"

namespace signet::config {

enum class Syntax { kHcl, kJson, kYaml };

/// By the name's end (.yaml, .yml, .json), else by the first character: `{` is JSON, as
/// HCL1 has it.
Syntax guess_syntax(std::string_view file, std::string_view text);

/// Reads `text` in the syntax that guess_syntax finds.
/// file     the name that positions and messages use, for example "conf/server.conf"
/// Returns  an object (an empty text is an empty object)
/// Errors   kInvalidArgument with a position; kResourceExhausted past a limit
Result<ConfigNode> parse_text(std::string_view text, std::string_view file);

/// The readers themselves; errors as parse_text.
Result<ConfigNode> parse_hcl(std::string_view text, std::string_view file);
Result<ConfigNode> parse_json(std::string_view text, std::string_view file);
Result<ConfigNode> parse_yaml(std::string_view text, std::string_view file);

/// Reads the file at `path` and parses it; with `expand` its text goes through expand_env
/// first. The name in positions is `path` as given.
/// Errors   kNotFound, kPermissionDenied, kResourceExhausted (over kMaxBytes), parse_text's
Result<ConfigNode> load_file(const std::string& path, bool expand);

}  // namespace signet::config
