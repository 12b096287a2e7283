// PathTemplate: `agent_path_template`, the part of Go's text/template that agent paths need.
//
//   /{{ .PluginName }}/{{ .Subject.CommonName | lower | replace " " "-" }}
//   /{{ if .DNSNames }}{{ first .DNSNames }}{{ else }}{{ .Fingerprint }}{{ end }}
//
// Actions with pipelines, parentheses, string, number and boolean literals, fields, functions
// (path_functions.h), if / else if / else / end, comments, and the trim markers {{- and -}}. Loops,
// variables, definitions and methods are refused when the template is read. Everything is bounded.
// A field that is not there is an error, as in SPIRE (missingkey=error).
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "signet/status.h"

namespace signet::x509pop {

class PathTemplate {
 public:
  static constexpr std::size_t kMaxSource = 4096;  // bytes
  static constexpr std::size_t kMaxOutput = 2048;  // a SPIFFE ID is no longer
  static constexpr std::size_t kMaxDepth = 16;     // of parentheses and ifs

  /// Errors   kInvalidArgument, with the position
  static Result<PathTemplate> parse(std::string_view source);

  /// data   an object; its members are the fields
  /// Errors   kInvalidArgument
  Result<std::string> render(const nlohmann::json& data) const;

  struct Block;

 private:
  explicit PathTemplate(std::shared_ptr<const Block> root) : root_(std::move(root)) {}
  std::shared_ptr<const Block> root_;
};

}  // namespace signet::x509pop
