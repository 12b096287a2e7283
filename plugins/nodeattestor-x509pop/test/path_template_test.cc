#include "path_template.h"

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

// The expected side is what pkg/common/agentpathtemplate of SPIRE 1.15.3 gives for the same data.
TEST(PathTemplate, RendersAsGoDoes) {
  const std::pair<const char*, const char*> rows[] = {
      {"/{{ .PluginName }}/{{ .Fingerprint }}", "/x509pop/abc123"},
      {"/{{.PluginName}}", "/x509pop"},
      {"/a{{- .PluginName -}}   /b", "/ax509pop/b"},
      {"/a \n {{- /* why */ -}} \n b", "/ab"},
      {"/{{ .Subject.CommonName | lower | replace \" \" \"-\" }}", "/host-one"},
      {"/{{ lower (replace \" \" `-` .Subject.CommonName) }}", "/host-one"},
      {"/{{ index .DNSNames 1 }}", "/b.example.org"},
      {"/{{ index .URISanSelectors \"datacenter\" }}", "/us-east-1"},
      {"/{{ .URISanSelectors.datacenter | upper }}", "/US-EAST-1"},
      {"/{{ first .DNSNames | trimSuffix \".example.org\" }}", "/a"},
      {"/{{ last .DNSNames | trimPrefix \"b.\" }}", "/example.org"},
      {"/{{ join \"-\" .Subject.Organization }}", "/Acme-West"},
      {"/{{ splitList \".\" (first .DNSNames) | first }}", "/a"},
      {"/{{ printf \"%s-%d%%\" .PluginName 7 }}", "/x509pop-7%"},
      {"/{{ .Empty | default \"none\" }}", "/none"},
      {"/{{ coalesce .Empty .Fingerprint }}", "/abc123"},
      {"/{{ ternary \"yes\" \"no\" (eq .PluginName \"x509pop\") }}", "/yes"},
      {"/{{ if .Subject.Country }}c{{ else }}none{{ end }}", "/none"},
      {"/{{ if .Empty }}a{{ else if eq .PluginName \"x\" }}b{{ else }}c{{ end }}/d", "/c/d"},
      {"/{{ if and .PluginName (not .Empty) }}y{{ end }}", "/y"},
      {"/{{ if or .Empty .Fingerprint }}y{{ end }}{{ if ne 1 2 }}z{{ end }}", "/yz"},
      {"/{{ if contains \"One\" .Subject.CommonName }}one{{ end }}", "/one"},
      {"/{{ if hasPrefix \"Host\" .Subject.CommonName }}h{{ end }}", "/h"},
      {"/{{ trunc 4 .PluginName }}{{ trunc -2 .PluginName }}{{ substr 1 3 .PluginName }}",
       "/x509op50"},
      {"/{{ trimAll \"x\" .PluginName }}/{{ nospace .Subject.CommonName }}", "/509pop/HostOne"},
      {"/{{ len .DNSNames }}/{{ -3 }}/{{ true }}", "/2/-3/true"},
      {"/{{ \"q\\\"\\\\\" }}", "/q\"\\"},
      {"/{{ sha256sum \"a\" | trunc 8 }}", "/ca978112"},
      {"no actions", "no actions"},
  };
  for (const auto& [source, want] : rows) EXPECT_EQ(render(source), want) << source;
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
