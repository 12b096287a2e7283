// What a schema makes of a tree that is right.
#include "support.h"

namespace signet::config {
namespace {

std::string converted(std::string_view schema, std::string_view text) {
  const Checked checked = check(schema, text);
  return checked.ok() ? checked.value.dump() : problems(checked);
}

TEST(SchemaConverts, ScalarsToTheTypeTheSchemaWants) {
  constexpr std::string_view kSchema =
      R"({"properties":{"i":{"type":"integer"},"s":{"type":"string"},"n":{"type":"number"},
          "b":{"type":"boolean"},"any":{},"size":{"type":"integer","format":"size"}}})";
  const struct {
    std::string_view text, json;
  } kCases[] = {
      {"i = 8081", R"({"i":8081})"},
      {"i = \"8081\"", R"({"i":8081})"},
      {"i = \"0x10\"", R"({"i":16})"},
      {"i = \"-5\"", R"({"i":-5})"},
      {"s = 8081", R"({"s":"8081"})"},
      {"s = 0640", R"({"s":"0640"})"},
      {"s = 1.50", R"({"s":"1.50"})"},
      {"n = 1", R"({"n":1})"},
      {"n = \"2.5\"", R"({"n":2.5})"},
      {"b = true", R"({"b":true})"},
      {"b = \"false\"", R"({"b":false})"},
      {"any = [1, {a = 2}]", R"({"any":[1,{"a":2}]})"},
      {"size = 10", R"({"size":10})"},
      {"size = \"4MiB\"", R"({"size":4194304})"},
      {"size = \"2kb\"", R"({"size":2000})"},
      {"size = \"3K\"", R"({"size":3072})"},
      {"I = 1", R"({"i":1})"},
      {"s = \"\" i = 1", R"({"i":1})"},
      {R"({"s":null,"i":1})", R"({"i":1})"},
  };
  for (const auto& c : kCases) EXPECT_EQ(converted(kSchema, c.text), c.json) << c.text;
}

TEST(SchemaConverts, BlocksAndListsAsTheReaderOfTheFormatExpects) {
  constexpr std::string_view kSchema = R"({"properties":{
      "o":{"type":"object","properties":{"x":{"type":"integer"},"y":{"type":"integer"}}},
      "l":{"type":"array","items":{"type":"object","properties":{"x":{"type":"integer"}}}},
      "names":{"type":"array","items":{"type":"string"}},
      "map":{"type":"object","additionalProperties":{"properties":{"x":{"type":"integer"}},
             "required":["x"]}}}})";
  const struct {
    std::string_view text, json;
  } kCases[] = {
      {"o { x = 1 }", R"({"o":{"x":1}})"},
      {"o = { x = 1 }", R"({"o":{"x":1}})"},
      {"o = [{ x = 1 }]", R"({"o":{"x":1}})"},
      {"o { x = 1 } o { y = 2 }", R"({"o":{"x":1,"y":2}})"},
      {"o {}", R"({"o":{}})"},
      {"l {}", R"({"l":[{}]})"},
      {"l { x = 1 }", R"({"l":[{"x":1}]})"},
      {"l { x = 1 } l { x = 2 }", R"({"l":[{"x":1},{"x":2}]})"},
      {"l = [{ x = 1 }, { x = 2 }] l { x = 3 }", R"({"l":[{"x":1},{"x":2},{"x":3}]})"},
      {"names = [\"a\", 5]", R"({"names":["a","5"]})"},
      {"names = []", R"({"names":[]})"},
      {R"(map "a.b" { x = 1 } map "c" { x = 2 })", R"({"map":{"a.b":{"x":1},"c":{"x":2}}})"},
      {R"({"map":[{"a":[{"x":"1"}]},{"c":{"x":2}}]})", R"({"map":{"a":{"x":1},"c":{"x":2}}})"},
  };
  for (const auto& c : kCases) EXPECT_EQ(converted(kSchema, c.text), c.json) << c.text;
}

TEST(SchemaConverts, FillsDefaultsInItsOwnOrder) {
  constexpr std::string_view kSchema = R"({"properties":{
      "a":{"type":"integer","default":1},"b":{"type":"string"},
      "c":{"type":"object","default":{},"properties":{"d":{"type":"boolean","default":true}}},
      "e":{"type":"object","properties":{"f":{"type":"integer","default":2}}},
      "g":{"type":"string","default":"5m","format":"duration"}}})";
  EXPECT_EQ(converted(kSchema, ""), R"({"a":1,"c":{"d":true},"g":"5m"})");
  EXPECT_EQ(converted(kSchema, "g = \"\" e {} c { d = false } b = \"x\" a = 3"),
            R"({"a":3,"b":"x","c":{"d":false},"e":{"f":2},"g":"5m"})");
}

TEST(SchemaConverts, EnumsWithoutCaseToTheirOwnSpelling) {
  constexpr std::string_view kSchema =
      R"({"properties":{"k":{"type":"string","enum":["ec-p256","RSA"],"x-signet-ignore-case":true},
          "n":{"type":"integer","enum":[1,2]}}})";
  EXPECT_EQ(converted(kSchema, "k = \"EC-P256\" n = \"2\""), R"({"k":"ec-p256","n":2})");
  EXPECT_EQ(converted(kSchema, "k = \"rsa\""), R"({"k":"RSA"})");
}

TEST(SchemaUnknownKeys, AreKeptDroppedWithAWarningOrRefusedAsTheSchemaSays) {
  EXPECT_EQ(converted(R"({"type":"object"})", "a { b = 1 }"), R"({"a":{"b":1}})");
  const Checked warned =
      check(R"({"properties":{"x":{"properties":{"size":{}},"x-signet-unknown":"warn"}}})",
            "x {\n  siez = 1\n  other = 2\n  other = 3\n}");
  EXPECT_EQ(problems(warned),
            "f.conf:2:3: x.siez: unknown key, ignored; did you mean \"size\"?\n"
            "f.conf:3:3: x.other: unknown key, ignored");
  EXPECT_TRUE(warned.ok());
  EXPECT_EQ(warned.value.dump(), R"({"x":{}})");
}

TEST(SchemaUnknownKeys, AreRefusedWhenTheyAreAlmostOneThatRestricts) {
  constexpr std::string_view kSchema =
      R"({"properties":{"x":{"x-signet-unknown":"warn","properties":{
      "admin_uids":{"x-signet-restricts":true},"tls":{"x-signet-refuse":"no TLS"},"size":{}}}}})";
  EXPECT_EQ(problems(check(kSchema, "x {\n  admin_uid = 1\n  tsl = 2\n  siez = 3\n  other = 4\n}")),
            "f.conf:2:3: x.admin_uid: unknown key; did you mean \"admin_uids\"?\n"
            "f.conf:3:3: x.tsl: unknown key; did you mean \"tls\"?\n"
            "f.conf:4:3: x.siez: unknown key, ignored; did you mean \"size\"?\n"
            "f.conf:5:3: x.other: unknown key, ignored");
}

TEST(SchemaSince, AcceptsTheKeyWithOneWarning) {
  constexpr std::string_view kSchema = R"({"additionalProperties":false,"properties":{"telemetry":{
      "properties":{"Prometheus":{"type":"object","x-signet-since":"issue 7",
      "properties":{"port":{"type":"integer"}}}}}}})";
  const Checked checked = check(kSchema, "telemetry {\n  Prometheus { port = 1 }\n}\n");
  ASSERT_TRUE(checked.ok());
  ASSERT_EQ(checked.warnings.size(), 1u);
  EXPECT_EQ(checked.warnings[0].to_string(),
            "f.conf:2:3: telemetry.Prometheus: is accepted but has no effect yet");
  EXPECT_EQ(check(kSchema, "").warnings.size(), 0u);
}

TEST(SchemaNoEffect, AcceptsTheKeyWithTheReason) {
  constexpr std::string_view kSchema = R"({"additionalProperties":false,"properties":{
      "retry_bootstrap":{"type":"boolean","x-signet-no-effect":"see rebootstrap_mode"}}})";
  const Checked checked = check(kSchema, "retry_bootstrap = true\n");
  ASSERT_TRUE(checked.ok());
  ASSERT_EQ(checked.warnings.size(), 1u);
  EXPECT_EQ(checked.warnings[0].to_string(),
            "f.conf:1:1: retry_bootstrap: is accepted but has no effect: see rebootstrap_mode");
}

TEST(SchemaRefuse, LetsTheDefaultPassAndNothingElse) {
  constexpr std::string_view kSchema = R"({"properties":{
      "audit":{"type":"boolean","default":false,"x-signet-refuse":"auditing comes later"},
      "ids":{"type":"array","x-signet-refuse":"lists come later"}}})";
  EXPECT_EQ(converted(kSchema, "audit = false"), R"({"audit":false})");
  EXPECT_EQ(converted(kSchema, ""), R"({"audit":false})");
  EXPECT_EQ(converted(kSchema, "audit = true"), "f.conf:1:1: audit: auditing comes later");
  EXPECT_EQ(converted(kSchema, "audit = \"maybe\""), "f.conf:1:1: audit: auditing comes later");
  EXPECT_EQ(converted(kSchema, "ids = []"), "f.conf:1:1: ids: lists come later");
}

TEST(SchemaFormat, AsksTheTableForNamesOfOthers) {
  const FormatTable formats = {{"even", [](std::string_view value) -> std::string {
                                  return value.size() % 2 == 0 ? "" : "is odd";
                                }}};
  CheckOptions options;
  options.formats = &formats;
  options.path = "plugins.A.x";
  constexpr std::string_view kSchema =
      R"({"properties":{"a":{"type":"string","format":"even"},
                        "b":{"type":"string","format":"nobody-knows"}}})";
  EXPECT_TRUE(check(kSchema, "a = \"ab\" b = \"anything\"", options).ok());
  EXPECT_EQ(problems(check(kSchema, "a = \"abc\"", options)),
            "f.conf:1:5: plugins.A.x.a: \"abc\" is odd");
}

TEST(CheckedLocate, FindsKeysListItemsAndTheNearestParent) {
  const Checked checked = check(
      R"({"properties":{"s":{"properties":{"l":{"type":"array"},"d":{"type":"integer","default":1},
          "m":{"additionalProperties":{"properties":{"x":{}}}},"o":{}}}}})",
      "s {\n  l = [1,\n    2]\n  m \"a/b~c\" {\n    x = 1\n  }\n  o { p = 1 }\n}\n");
  ASSERT_TRUE(checked.ok()) << problems(checked);
  EXPECT_EQ(checked.locate(""), "f.conf:1:1");
  EXPECT_EQ(checked.locate("/s"), "f.conf:1:1");
  EXPECT_EQ(checked.locate("/s/l"), "f.conf:2:3");
  EXPECT_EQ(checked.locate("/s/l/1"), "f.conf:3:5");
  EXPECT_EQ(checked.locate("/s/m/a~1b~0c/x"), "f.conf:5:5");
  EXPECT_EQ(checked.locate("/s/d"), "f.conf:1:1");
  EXPECT_EQ(checked.locate("/s/o/p"), "f.conf:7:7");
  EXPECT_EQ(checked.locate("/none"), "f.conf:1:1");
  EXPECT_EQ(Checked().locate("/x"), "");
}

TEST(SchemaSecret, ListsPointersAndHidesValues) {
  constexpr std::string_view kSchema = R"({"properties":{
      "token":{"type":"integer","x-signet-secret":true},
      "db":{"x-signet-secret":true,"properties":{"mode":{"type":"string","enum":["on"]}}}}})";
  const Checked good = check(kSchema, "token = 5 db { mode = \"on\" }");
  EXPECT_EQ(good.secrets, (std::vector<std::string>{"/token", "/db"}));
  EXPECT_EQ(problems(check(kSchema, "token = \"hunter2\" db { mode = \"hunter3\" }")),
            "f.conf:1:9: token: the value is not an integer\n"
            "f.conf:1:31: db.mode: the value is not one of \"on\"");
}

}  // namespace
}  // namespace signet::config
