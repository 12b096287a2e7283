// What a schema says of a tree that is wrong, and what is wrong with a schema.
#include "support.h"

namespace signet::config {
namespace {

constexpr std::string_view kServer = R"({
  "additionalProperties": false, "required": ["server"],
  "properties": {
    "server": {
      "type": "object", "additionalProperties": false, "required": ["trust_domain"],
      "properties": {
        "trust_domain": {"type": "string"},
        "bind_port": {"type": "integer", "minimum": 1, "maximum": 65535},
        "ca_ttl": {"type": "string", "format": "duration", "minimum": "1m", "maximum": "8760h"},
        "key_type": {"type": "string", "enum": ["rsa-2048", "ec-p256"]},
        "debug": {"type": "boolean"},
        "ratio": {"type": "number", "maximum": 1.5},
        "data_dir": {"type": "string", "format": "path"},
        "url": {"type": "string", "format": "url"},
        "limit": {"type": "string", "format": "size", "maximum": "1GiB"},
        "names": {"type": "array", "items": {"type": "string"}},
        "subject": {"type": "object", "properties": {"country": {"type": "array"}}},
        "profile": {"type": "object", "additionalProperties": false,
          "properties": {"web": {}, "mutual": {}, "key": {}},
          "oneOf": [{"required": ["web", "key"]}, {"required": ["mutual"]}]}
      }}}})";

std::string wrong(std::string_view members) {
  return problems(
      check(kServer, "server {\n" + std::string(members) + "\ntrust_domain = \"x\"\n}"));
}

TEST(SchemaErrors, NameThePlaceThePathAndTheRule) {
  const struct {
    std::string_view text, problem;
  } kCases[] = {
      {"bind_port = \"x\"", "f.conf:2:13: server.bind_port: \"x\" is not an integer"},
      {"bind_port = 1.5", "f.conf:2:13: server.bind_port: \"1.5\" is not an integer"},
      {"bind_port = true", "f.conf:2:13: server.bind_port: \"true\" is not an integer"},
      {"bind_port = []", "f.conf:2:13: server.bind_port: must be an integer, not a list"},
      {"bind_port {}", "f.conf:2:11: server.bind_port: must be an integer, not an object"},
      {"bind_port = 0", "f.conf:2:13: server.bind_port: must be at least 1"},
      {"bind_port = \"65536\"", "f.conf:2:13: server.bind_port: must be at most 65535"},
      {"bind_port = 1\nbind_port = 2",
       "f.conf:3:13: server.bind_port: is set more than once, first at f.conf:2:13"},
      {"ca_ttl = \"1hour\"",
       "f.conf:2:10: server.ca_ttl: \"1hour\" is not a duration such as \"1h30m\" or \"500ms\""},
      {"ca_ttl = 24",
       "f.conf:2:10: server.ca_ttl: \"24\" is not a duration such as \"1h30m\" or \"500ms\""},
      {"ca_ttl = \"59s\"", "f.conf:2:10: server.ca_ttl: must be at least 1m"},
      {"ca_ttl = \"8760h0m1s\"", "f.conf:2:10: server.ca_ttl: must be at most 8760h"},
      {"key_type = \"ec-256\"",
       "f.conf:2:12: server.key_type: \"ec-256\" is not one of \"rsa-2048\", \"ec-p256\"; did you "
       "mean \"ec-p256\"?"},
      {"key_type = \"EC-P256\"",
       "f.conf:2:12: server.key_type: \"EC-P256\" is not one of \"rsa-2048\", \"ec-p256\"; did "
       "you mean \"ec-p256\"?"},
      {"debug = 1", "f.conf:2:9: server.debug: \"1\" is not true or false"},
      {"debug = \"yes\"", "f.conf:2:9: server.debug: \"yes\" is not true or false"},
      {"ratio = 1.6", "f.conf:2:9: server.ratio: must be at most 1.5"},
      {"ratio = \"inf\"", "f.conf:2:9: server.ratio: \"inf\" is not a number"},
      {"data_dir = true",
       "f.conf:2:12: server.data_dir: \"true\" is not a string (write it in "
       "quotes)"},
      {"url = \"example.org\"",
       "f.conf:2:7: server.url: \"example.org\" is not a URL such as \"https://host/path\""},
      {"limit = \"4 MiB\"", "f.conf:2:9: server.limit: \"4 MiB\" is not a size such as \"64KiB\""},
      {"limit = \"2GiB\"", "f.conf:2:9: server.limit: must be at most 1GiB"},
      {"names = \"a\"", "f.conf:2:9: server.names: must be a list, not a string"},
      {"names {}", "f.conf:2:7: server.names: must be a list, not an object"},
      {"names = [\"a\",\n true]",
       "f.conf:3:2: server.names[1]: \"true\" is not a string (write it in quotes)"},
      {"names = [\"a\"]\nnames = [\"b\"]",
       "f.conf:3:9: server.names: is set more than once, first at f.conf:2:9"},
      {"subject = 1", "f.conf:2:11: server.subject: must be an object, not an integer"},
      {"profile {}",
       "f.conf:2:1: server.profile: exactly one is required of \"web\" with \"key\", \"mutual\""},
      {"profile { web {} key {} mutual {} }",
       "f.conf:2:25: server.profile: only one may be set: \"web\" with \"key\" and \"mutual\""},
      {"trust_domian = \"x\"",
       "f.conf:2:1: server.trust_domian: unknown key; did you mean \"trust_domain\"?"},
      {"\"a b\" = 1", "f.conf:2:1: server.\"a b\": unknown key"},
      {"key_type = \"a\\tb\"",
       "f.conf:2:12: server.key_type: \"a?b\" is not one of \"rsa-2048\", \"ec-p256\""},
  };
  for (const auto& c : kCases) EXPECT_EQ(wrong(c.text), c.problem) << c.text;
}

TEST(SchemaErrors, NameAMissingKeyAtItsBlock) {
  EXPECT_EQ(problems(check(kServer, "")), "f.conf:1:1: server: is required and missing");
  EXPECT_EQ(problems(check(kServer, "\n  server { }")),
            "f.conf:2:3: server.trust_domain: is required and missing");
  EXPECT_EQ(problems(check(kServer, "server { trust_domain = \"\" }")),
            "f.conf:1:1: server.trust_domain: is required and missing");
}

TEST(SchemaErrors, AreCollectedUpToTheirLimit) {
  const Checked two = check(kServer, "server { bind_port = 0 debug = 3 }");
  EXPECT_EQ(two.errors.size(), 3u);
  std::string text = "server { trust_domain = \"x\"";
  for (int i = 0; i < 50; ++i) text += "\nz" + std::to_string(i) + " = 1";
  const Checked many = check(kServer, text + "}");
  EXPECT_EQ(many.errors.size(), Checked::kMaxProblems);
  EXPECT_EQ(many.left_out, 30u);
  EXPECT_EQ(many.status().code(), Code::kInvalidArgument);
  EXPECT_TRUE(many.status().message().ends_with("\nand 30 more"));
}

TEST(SchemaErrors, AreTheSameInYaml) {
  auto schema = Schema::parse(kServer);
  auto node = parse_yaml("server:\n  trust_domain: x\n  bind_prot: 1\n", "f.yaml");
  ASSERT_TRUE(schema.ok() && node.ok());
  EXPECT_EQ(problems(schema->check(*node)),
            "f.yaml:3:3: server.bind_prot: unknown key; did you mean \"bind_port\"?");
}

TEST(SchemaParse, RefusesWhatItWouldNotApply) {
  const struct {
    std::string_view schema, error;
  } kCases[] = {
      {"{", "schema is not JSON"},
      {"[]", "schema: not an object"},
      {R"({"pattern":"x"})", "schema: unknown keyword \"pattern\""},
      {R"({"properties":{"a":{"maxLength":1}}})",
       "schema/properties/a: unknown keyword \"maxLength\""},
      {R"({"type":"null"})", "schema: wrong value of \"type\""},
      {R"({"type":["string"]})", "schema: wrong value of \"type\""},
      {R"({"properties":[]})", "schema: wrong value of \"properties\""},
      {R"({"required":["a"]})", "schema: wrong value of \"required\""},
      {R"({"properties":{"a":{},"A":{}}})",
       "schema: \"A\" differs from another property only in case"},
      {R"({"type":"string","enum":[]})", "schema: wrong value of \"enum\""},
      {R"({"enum":["a"]})", "schema: \"enum\" does not fit the type"},
      {R"({"format":"path"})", "schema: \"format\" does not fit the type"},
      {R"({"type":"string","properties":{}})", "schema: \"properties\" does not fit the type"},
      {R"({"type":"object","items":{}})", "schema: \"items\" does not fit the type"},
      {R"({"type":"string","minimum":"1h"})", "schema: wrong value of \"minimum\""},
      {R"({"oneOf":[{"type":"string"}]})", "schema: wrong value of \"oneOf\""},
      {R"({"x-signet-unknown":"ignore"})", "schema: wrong value of \"x-signet-unknown\""},
      {R"({"x-signet-secret":1})", "schema: wrong value of \"x-signet-secret\""},
      {R"({"x-signet-refuse":""})", "schema: wrong value of \"x-signet-refuse\""},
      {R"({"items":{"type":5}})", "schema/items: wrong value of \"type\""},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(Schema::parse(c.schema).status().message(), c.error) << c.schema;
  }
  EXPECT_TRUE(Schema::parse(R"({"$schema":"x","title":"t","description":"d","examples":[]})").ok());
}

TEST(NearestName, FindsSlipsAndNothingFarAway) {
  const std::vector<std::string> names = {"trust_domain", "data_dir", "log_level", "log_file",
                                          "id"};
  EXPECT_EQ(nearest_name("trustdomain", names), "trust_domain");
  EXPECT_EQ(nearest_name("TRUST_DOMAIN", names), "trust_domain");
  EXPECT_EQ(nearest_name("trust_domian", names), "trust_domain");
  EXPECT_EQ(nearest_name("loglevel", names), "log_level");
  EXPECT_EQ(nearest_name("log_fiel", names), "log_file");
  EXPECT_EQ(nearest_name("datadir", names), "data_dir");
  EXPECT_EQ(nearest_name("xy", names), "");
  EXPECT_EQ(nearest_name("federation", names), "");
  EXPECT_EQ(nearest_name("", names), "");
  EXPECT_EQ(nearest_name(std::string(100000, 'x'), names), "");
}

}  // namespace
}  // namespace signet::config
