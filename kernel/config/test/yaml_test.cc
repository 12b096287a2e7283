#include "support.h"

namespace signet::config {
namespace {

std::string yaml(std::string_view text) { return json_of(parse_yaml(text, "f.yaml")); }

TEST(YamlReader, GivesPlainScalarsTheirTypesAndQuotedOnesNone) {
  EXPECT_EQ(yaml("a: 1\nb: '1'\nc: 1.5\nd: true\ne: \"true\"\nf: ~\ng:\nh: x y\ni: 0x10\n"
                 "j: !!str 5\nk: yes\nl: 1h30m\nm: [1, two]\nn: {o: p}\n"),
            R"({"a":1,"b":"1","c":1.5,"d":true,"e":"true","f":null,"g":null,"h":"x y","i":16,)"
            R"("j":"5","k":"yes","l":"1h30m","m":[1,"two"],"n":{"o":"p"}})");
  EXPECT_EQ(yaml(""), "{}");
  EXPECT_EQ(yaml("# only a comment\n"), "{}");
}

TEST(YamlReader, KeepsPositions) {
  auto node = parse_yaml("a:\n  - b: 1\n    c: 2\n", "f.yaml");
  ASSERT_TRUE(node.ok());
  const auto& item = node->members()[0].value.items()[0];
  EXPECT_EQ(item.members()[1].key_position.to_string(), "f.yaml:3:5");
  EXPECT_EQ(item.members()[1].value.position().to_string(), "f.yaml:3:8");
}

TEST(YamlReader, RefusesWhatTheTreeCannotHold) {
  EXPECT_EQ(yaml("- a\n"), "error: f.yaml:1:1: expected keys and values");
  EXPECT_EQ(yaml("a: 1\n---\nb: 2\n"), "error: f.yaml:3:1: a second document is not allowed");
  EXPECT_EQ(yaml("a: 1\na: 2\n"), "error: f.yaml:2:1: key is written twice");
  EXPECT_EQ(yaml("? [a]\n: 1\n"), "error: f.yaml:1:3: a key must be a string");
  EXPECT_EQ(yaml("x: &x {a: 1}\ny:\n  <<: *x\n"),
            "error: f.yaml:3:3: merge keys (<<) are not supported");
  EXPECT_EQ(yaml("a: !!binary aGk=\n"), "error: f.yaml:1:4: tags are not supported");
  EXPECT_EQ(yaml("a: [1\n").substr(0, 14), "error: f.yaml:");
  EXPECT_EQ(yaml("a: *nothing\n").substr(0, 14), "error: f.yaml:");
}

// yaml-cpp takes it for one empty document after the other, without end.
TEST(YamlReader, RefusesWhatFollowsTheDocument) {
  EXPECT_EQ(yaml("{a: 1},"), "error: f.yaml:1:7: a second document is not allowed");
  EXPECT_EQ(yaml(","), "error: f.yaml:1:1: a second document is not allowed");
  EXPECT_EQ(yaml("{a: 1} b"), "error: f.yaml:1:8: a second document is not allowed");
}

TEST(YamlReader, ExpandsAliasesButNotBillionsOfLaughs) {
  EXPECT_EQ(yaml("a: &x [1]\nb: *x\n"), R"({"a":[1],"b":[1]})");
  std::string bomb = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n";
  for (int i = 1; i < 12; ++i) {
    const std::string name = "a" + std::to_string(i), last = "*a" + std::to_string(i - 1);
    bomb += name + ": &" + name + " [";
    for (int j = 0; j < 10; ++j) bomb += (j == 0 ? "" : ", ") + last;
    bomb += "]\n";
  }
  EXPECT_EQ(parse_yaml(bomb, "f").status().code(), Code::kResourceExhausted);
  EXPECT_EQ(parse_yaml("a: &a [*a]\n", "f").status().code(), Code::kResourceExhausted);
  EXPECT_EQ(parse_yaml("a: &a {b: *a}\n", "f").status().code(), Code::kResourceExhausted);
}

TEST(YamlReader, HoldsTheDepthLimit) {
  for (const std::size_t depth : {std::size_t{100}, std::size_t{100000}}) {
    const std::string text = "a: " + std::string(depth, '[') + std::string(depth, ']');
    EXPECT_FALSE(parse_yaml(text, "f").ok());
    EXPECT_FALSE(parse_yaml("a: " + std::string(depth, '['), "f").ok());
  }
  std::string dashes;
  for (int i = 0; i < 100000; ++i) dashes += "- ";
  EXPECT_FALSE(parse_yaml(dashes, "f").ok());
}

}  // namespace
}  // namespace signet::config
