#include "path_template.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace signet::x509pop {
namespace {

const nlohmann::json& data() {
  static const auto kData = nlohmann::json::parse(R"json({
    "PluginName": "x509pop", "Fingerprint": "abc123", "Empty": "",
    "Subject": {"CommonName": "Host One", "Organization": ["Acme", "West"], "Country": []},
    "DNSNames": ["a.example.org", "b.example.org"],
    "URISanSelectors": {"datacenter": "us-east-1"}})json");
  return kData;
}
// The output, or the error's words.
std::string render(const std::string& source) {
  const auto parsed = PathTemplate::parse(source);
  if (!parsed) return parsed.status().message();
  const auto out = parsed->render(data());
  return out ? *out : out.status().message();
}

// What SPIRE's own code gives for each template, or nothing; tests/interop/attestation asks it
// again. What it gives must come out here byte by byte, or the template is one that is refused
// here, and so marked: never another path.
TEST(PathTemplate, RendersAsSpireDoesOrRefuses) {
  std::ifstream file(std::string(SIGNET_SOURCE_DIR) + "/tests/fixtures/agent_path_templates.json");
  const auto fixture = nlohmann::json::parse(file);
  std::size_t rendered = 0;
  for (const auto& row : fixture.at("cases")) {
    const auto source = row.at("template").get<std::string>();
    SCOPED_TRACE(source);
    const auto parsed = PathTemplate::parse(source);
    const auto out =
        parsed ? parsed->render(fixture.at("data")) : Result<std::string>(parsed.status());
    const bool refused = row.at("output").is_null() || row.contains("refused_here");
    EXPECT_EQ(out.ok(), !refused) << (out.ok() ? *out : out.status().message());
    if (!out || refused) continue;
    EXPECT_EQ(*out, row.at("output").get<std::string>());
    ++rendered;
  }
  EXPECT_GT(rendered, 60u);
}

TEST(PathTemplate, RefusesWhatItDoesNotKnowWhenItIsRead) {
  for (const char* source : {"{{",
                             "{{ }}",
                             "{{ .A ",
                             "{{ nothing .A }}",
                             "{{ range .DNSNames }}x{{ end }}",
                             "{{ with .A }}{{ end }}",
                             "{{ $x := 1 }}",
                             "{{ if .A }}",
                             "{{ end }}",
                             "{{ else }}",
                             "{{ \"open }}",
                             "{{ (lower .A }}",
                             "{{ lower }}",
                             "{{ lower .A .B }}",
                             "{{ .A .B }}",
                             "{{ .A | .B }}",
                             "{{ .A..B }}",
                             "{{ 12x }}",
                             "{{ template \"x\" }}",
                             "{{ /* open }}",
                             "{{ printf }}",
                             "{{ 99999999999999999999 }}",
                             "{{ \"\\x41\" }}"}) {
    EXPECT_EQ(PathTemplate::parse(source).status().code(), Code::kInvalidArgument) << source;
  }
}

TEST(PathTemplate, AMissingFieldIsAnErrorAndNotAnEmptyPath) {
  EXPECT_THAT(render("/{{ .Nothing }}"), testing::HasSubstr("no field \"Nothing\""));
  EXPECT_THAT(render("/{{ .URISanSelectors.other }}"), testing::HasSubstr("no field \"other\""));
  EXPECT_THAT(render("/{{ .PluginName.X }}"), testing::HasSubstr("no field"));
  EXPECT_THAT(render("/{{ index .DNSNames 2 }}"), testing::HasSubstr("out of range"));
  EXPECT_THAT(render("/{{ first .Subject.Country }}"), testing::HasSubstr("empty"));
  EXPECT_THAT(render("/{{ .DNSNames }}"), testing::HasSubstr("cannot be written"));
}

TEST(PathTemplate, IsBounded) {
  EXPECT_FALSE(PathTemplate::parse(std::string(4097, 'a')).ok());
  EXPECT_FALSE(PathTemplate::parse("{{ " + std::string(100, '(')).ok());
  std::string deep;
  for (int n = 0; n < 100; ++n) deep += "{{ if true }}";
  EXPECT_FALSE(PathTemplate::parse(deep).ok());
  std::string elses = "{{ if false }}";
  for (int n = 0; n < 100; ++n) elses += "{{ else if false }}";
  EXPECT_FALSE(PathTemplate::parse(elses + "{{ end }}").ok());
  EXPECT_THAT(render(std::string(3000, 'a')), testing::HasSubstr("too long"));
  // Each step makes the value a hundred times longer.
  EXPECT_THAT(render("{{ replace \"a\" \"" + std::string(1000, 'a') +
                     "\" \"aaa\" | replace \"a\" \"" + std::string(1000, 'b') + "\" }}"),
              testing::HasSubstr("too large"));
}

}  // namespace
}  // namespace signet::x509pop
