#include "support.h"

namespace signet::config {
namespace {

std::string hcl(std::string_view text) { return json_of(parse_hcl(text, "f.conf")); }

TEST(HclReader, ReadsEveryFormThatConfigurationFilesUse) {
  const struct {
    std::string_view text, json;
  } kCases[] = {
      {"", "{}"},
      {"\xEF\xBB\xBF  \r\n", "{}"},
      {"a = 1", R"({"a":1})"},
      {"a = -12 b = 0x1F c = 0640 d = 0", R"({"a":-12,"b":31,"c":416,"d":0})"},
      {"a = 1.5 b = 2e3 c = -0.25", R"({"a":1.5,"b":2000.0,"c":-0.25})"},
      {"a = true\nb = false", R"({"a":true,"b":false})"},
      {"a=\"x\"\nb =\"y\" # tail\n// line\n/* block\n */ c = \"z\"",
       R"({"a":"x","b":"y","c":"z"})"},
      {R"(a = "t\tq\"b\\n\n\x41\101\u00e9\U0001F600")", R"({"a":"t\tq\"b\\n\nAAé😀"})"},
      {R"(a = "${b("c\n")}${d}e")", R"({"a":"${b(\"c\\n\")}${d}e"})"},
      {"a = []", R"({"a":[]})"},
      {"a = [1, \"b\", true, [2], { c = 3 },]", R"({"a":[1,"b",true,[2],{"c":3}]})"},
      {"a {}", R"({"a":{}})"},
      {"a = {}", R"({"a":{}})"},
      {"a { b = 1, c = 2, }", R"({"a":{"b":1,"c":2}})"},
      {"\"a\" { \"b\" = 1 }", R"({"a":{"b":1}})"},
      {"T \"n\" { x = 1 }", R"({"T":{"n":{"x":1}}})"},
      {"T \"n\" data { x = 1 }", R"({"T":{"n":{"data":{"x":1}}}})"},
      {"T \"n\" {} T \"m\" {} U u {}", R"({"T":{"n":{},"m":{}},"U":{"u":{}}})"},
      {"a { b = 1 } a { c = 2 }", R"({"a":{"b":1,"c":2}})"},
      {"k8s-x.y_z = 1", R"({"k8s-x.y_z":1})"},
      {"\xC3\xA9 = 1", "{\"\xC3\xA9\":1}"},
  };
  for (const auto& c : kCases) EXPECT_EQ(hcl(c.text), c.json) << c.text;
}

// The values are what hashicorp/hcl 1.0.1-vault-7 makes of the same texts.
TEST(HclReader, ReadsHeredocs) {
  EXPECT_EQ(hcl("a = <<EOF\n one\n\n\"two\\n\"\nEOF\nb = 1"),
            R"({"a":" one\n\n\"two\\n\"\n","b":1})");
  EXPECT_EQ(hcl("a = <<EOF\nEOF\n"), R"({"a":""})");
  EXPECT_EQ(hcl("a = <<E1\r\nx\r\nE1\r\n"), R"({"a":"x\n"})");
  EXPECT_EQ(hcl("a = <<-EOF\n    x\n      y\n    EOF\n"), R"({"a":"x\n  y\n"})");
  // One line is less indented than the marker: then nothing is taken away.
  EXPECT_EQ(hcl("a = <<-EOF\n    x\n  y\n    EOF\n"), R"({"a":"    x\n  y\n"})");
  EXPECT_EQ(hcl("a = [<<A\nx\nA\n, 2]"), R"({"a":["x\n",2]})");
}

TEST(HclReader, NamesThePlaceOfAMistake) {
  const struct {
    std::string_view text, error;
  } kCases[] = {
      {"a", "f.conf:1:2: expected '=' or '{' after a key, found the end of the file"},
      {"a =", "f.conf:1:4: expected a value, found the end of the file"},
      {"\n  a = b", "f.conf:2:7: expected a value, found a name (a string needs quotes)"},
      {"a = 12h", "f.conf:1:5: not a number that fits 64 bits (a string needs quotes)"},
      {"a = 09", "f.conf:1:5: not a number that fits 64 bits (a string needs quotes)"},
      {"a = 9223372036854775808",
       "f.conf:1:5: not a number that fits 64 bits (a string needs quotes)"},
      {"a {\n b = 1",
       "f.conf:2:7: expected a key or the '}' that closes the '{' at f.conf:1:3, "
       "found the end of the file"},
      {"a = [1 2]",
       "f.conf:1:8: expected ',' or ']' in the list that opens at f.conf:1:5, found a number"},
      {"a = [1,,2]", "f.conf:1:8: expected a value, found ','"},
      {"}", "f.conf:1:1: expected a key, found '}'"},
      {"1 = 2", "f.conf:1:1: expected a key, found a number"},
      {"a \"b\" = 1", "f.conf:1:7: expected '{' after a block's labels, found '='"},
      {"a = \"x", "f.conf:1:5: string is not closed with \""},
      {"a = \"x\ny\"", "f.conf:1:5: string is not closed with \""},
      {"a = \"${x", "f.conf:1:5: string is not closed with \""},
      {"a = \"\xC3\xA9\\q\"", "f.conf:1:7: unknown escape in a string"},
      {"a = \"\\x4\"", "f.conf:1:6: escape in a string has too few digits"},
      {"a = \"\\777\"", "f.conf:1:6: escape in a string is out of range"},
      {"a = \"\\uD800\"", "f.conf:1:6: escape in a string is not a Unicode character"},
      {"a = \"\\xff\"", "f.conf:1:5: string is not UTF-8 text"},
      {"a = \"\\000\"", "f.conf:1:5: string is not UTF-8 text"},
      {"a = \"\xff\"", "f.conf:1:6: not UTF-8 text"},
      {"/* x", "f.conf:1:1: comment is not closed with */"},
      {"a = <<EOF\nx\n", "f.conf:1:5: text after << is not closed by its marker"},
      {"a = <<\nx\n", "f.conf:1:5: << needs a marker such as EOF"},
      {"a = <<EOF x\n", "f.conf:1:5: the marker after << must end its line"},
      {"a = @", "f.conf:1:5: unexpected character '@'"},
      {"a = \x01", "f.conf:1:5: unexpected control character"},
      {"a / b", "f.conf:1:3: unexpected character '/'"},
  };
  for (const auto& c : kCases) EXPECT_EQ(hcl(c.text), "error: " + std::string(c.error));
}

TEST(HclReader, KeepsPositionsOfKeysAndValuesInCharacters) {
  auto node =
      parse_hcl("\xC3\xA9 = \"\xC3\xA9\" b = 1\nT \"n\" {\n\tx = [ 1,\n 2 ]\n}\n", "d/f.conf");
  ASSERT_TRUE(node.ok());
  const auto& members = node->members();
  EXPECT_EQ(members[0].key_position.to_string(), "d/f.conf:1:1");
  EXPECT_EQ(members[0].value.position().to_string(), "d/f.conf:1:5");
  EXPECT_EQ(members[1].key_position.to_string(), "d/f.conf:1:9");
  const auto& label = members[2].value.members()[0];
  EXPECT_EQ(label.key, "n");
  EXPECT_EQ(label.key_position.to_string(), "d/f.conf:2:3");
  EXPECT_EQ(label.value.position().to_string(), "d/f.conf:2:7");
  EXPECT_EQ(label.value.members()[0].value.items()[1].position().to_string(), "d/f.conf:4:2");
}

TEST(HclReader, KeepsTheSpellingOfNumbers) {
  auto node = parse_hcl("a = 0640 b = 1.50", "f");
  ASSERT_TRUE(node.ok());
  EXPECT_EQ(node->find("a")->text(), "0640");
  EXPECT_EQ(node->find("b")->text(), "1.50");
}

std::string repeated(std::string_view piece, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out += piece;
  return out;
}

TEST(HclReader, HoldsTheDepthLimitInObjectsListsAndLabels) {
  EXPECT_TRUE(parse_hcl(repeated("a{", 63) + repeated("}", 63), "f").ok());
  EXPECT_TRUE(parse_hcl(repeated("a ", 63) + "{}", "f").ok());
  EXPECT_TRUE(parse_hcl("a=" + repeated("[", 63) + repeated("]", 63), "f").ok());
  for (const std::string& text :
       {repeated("a{", 64) + repeated("}", 64), repeated("a ", 1000000) + "{}",
        "a=" + repeated("[", 64) + repeated("]", 64), repeated("a{", 1000000),
        "a=" + repeated("[", 1000000), "a=" + repeated("[{a=", 500000)}) {
    const auto result = parse_hcl(text, "f");
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.status().code(), Code::kResourceExhausted) << result.status().message();
  }
}

TEST(HclReader, HoldsTheLimitsOfSizeAndValues) {
  EXPECT_TRUE(parse_hcl("a = 1" + std::string(kMaxBytes - 5, ' '), "f").ok());
  EXPECT_EQ(parse_hcl(std::string(kMaxBytes + 1, ' '), "f").status().code(),
            Code::kResourceExhausted);
  EXPECT_EQ(parse_hcl("a = [" + repeated("1,", kMaxNodes) + "]", "f").status().code(),
            Code::kResourceExhausted);
}

}  // namespace
}  // namespace signet::config
