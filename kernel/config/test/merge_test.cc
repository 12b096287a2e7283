#include "support.h"

namespace signet::config {
namespace {

std::string blocks(std::string_view text, std::size_t depth = 2) {
  auto node = parse_text(text, "f");
  if (!node.ok()) return node.status().message();
  auto plugins = merged_member(*node, "plugins");
  if (!plugins.ok()) return plugins.status().message();
  auto list = labelled_blocks(*plugins, depth);
  if (!list.ok()) return list.status().message();
  std::string out;
  for (const auto& block : *list) {
    for (const auto& label : block.labels) out += label + " ";
    out += block.body.to_json().dump() + ";";
  }
  return out;
}

TEST(LabelledBlocks, AreTheSameHoweverTheyAreWritten) {
  const std::string want = R"(A x {"data":{}};B y {"k":1};A z {};)";
  for (std::string_view text : {
           R"(plugins { A "x" { data {} } B "y" { k = 1 } A "z" {} })",
           R"(plugins { A "x" data {} B "y" { k = 1 } A "z" {} })",
           R"(plugins { A { x { data {} } } B { y { k = 1 } } A { z {} } })",
           R"(plugins = { A = { x = { data = {} } }, B = { y = { k = 1 } }, A = { z = {} } })",
           R"(plugins { A "x" { data {} } } plugins { B "y" { k = 1 } A "z" {} })",
           R"(plugins = [{ A "x" { data {} } B "y" { k = 1 } }, { A "z" {} }])",
           R"({"plugins":[{"A":[{"x":[{"data":{}}]}]},{"B":{"y":{"k":1}}},{"A":[{"z":{}}]}]})",
           R"({"plugins":{"A":[{"x":{"data":{}}}],"B":{"y":{"k":1}},"A":[{"z":null}]}})",
       }) {
    EXPECT_EQ(blocks(text), want) << text;
  }
  EXPECT_EQ(blocks(R"({"plugins":{"A":[{"x":{}},{"y":{}}]}})"), "A x {};A y {};");
  EXPECT_EQ(blocks("other = 1"), "");
  EXPECT_EQ(blocks("plugins { a {} b {} }", 1), "a {};b {};");
}

TEST(LabelledBlocks, RefuseWhatIsNoBlockAndWhatIsThereTwice) {
  EXPECT_EQ(blocks("plugins { A \"x\" {}\n A \"x\" {} }"),
            "f:2:4: \"A\" \"x\" is declared more than once, first at f:1:13");
  EXPECT_EQ(blocks(R"({"plugins":{"A":{"x":[{},{}]}}})"),
            "f:1:18: \"A\" \"x\" is declared more than once");
  EXPECT_EQ(blocks("plugins { A = 1 }"), "f:1:15: must be an object, not an integer");
  EXPECT_EQ(blocks("plugins { A { x = 1 } }"), "f:1:19: must be an object, not an integer");
  EXPECT_EQ(blocks("plugins = 1"), "f:1:11: must be an object, not an integer");
}

TEST(MergedMember, JoinsRepeatedBlocksAndIgnoresCase) {
  auto node = parse_text("Server { a = 1 }\nserver { b = 2 }\nserver = [{ c = 3 }]", "f");
  ASSERT_TRUE(node.ok());
  EXPECT_EQ(json_of(merged_member(*node, "server")), R"({"a":1,"b":2,"c":3})");
  EXPECT_TRUE(merged_member(*node, "agent")->is_null());
}

std::string patched(std::string_view text, std::string_view patch) {
  auto node = parse_text(text, "f");
  EXPECT_TRUE(node.ok());
  apply_overrides(*node, nlohmann::json::parse(patch), "command line");
  return json_of(node);
}

TEST(Overrides, PatchAsRfc7396Has) {
  EXPECT_EQ(patched("a = 1 b = 2", R"({"a":3})"), R"({"b":2,"a":3})");
  EXPECT_EQ(patched("a = 1 b = 2", R"({"a":null})"), R"({"b":2})");
  EXPECT_EQ(patched("s { a = 1 b = 2 }", R"({"s":{"b":9,"c":[1]}})"),
            R"({"s":{"a":1,"b":9,"c":[1]}})");
  EXPECT_EQ(patched("", R"({"s":{"t":{"a":1,"b":null}}})"), R"({"s":{"t":{"a":1}}})");
  EXPECT_EQ(patched("s = 1", R"({"s":{"a":1}})"), R"({"s":{"a":1}})");
  EXPECT_EQ(patched("s { a = 1 }", R"({"s":2})"), R"({"s":2})");
  EXPECT_EQ(patched("s = [1]", R"({"s":[2]})"), R"({"s":[2]})");
}

TEST(Overrides, ReachIntoRepeatedBlocksAndListsAndOtherCase) {
  EXPECT_EQ(patched("S { a = 1 } t = 0 s { A = 2 b = 3 }", R"({"s":{"a":9}})"),
            R"({"S":{"b":3,"a":9},"t":0})");
  EXPECT_EQ(patched("s = [{ a = 1 }, { b = 2 }]", R"({"s":{"a":9}})"), R"({"s":{"b":2,"a":9}})");
}

TEST(Overrides, SayWhereTheyComeFrom) {
  auto checked = check(R"({"properties":{"s":{"properties":{"a":{"type":"integer"}}}}})", "");
  auto schema = Schema::parse(R"({"properties":{"s":{"properties":{"a":{"type":"integer"}}}}})");
  auto node = parse_text("s { a = 1 }", "f");
  ASSERT_TRUE(schema.ok() && node.ok());
  apply_overrides(*node, {{"s", {{"a", "x"}}}}, "command line");
  checked = schema->check(*node);
  EXPECT_EQ(problems(checked), "command line: s.a: \"x\" is not an integer");
  EXPECT_EQ(checked.locate("/s/a"), "command line");
  EXPECT_EQ(checked.locate("/s"), "f:1:1");
}

}  // namespace
}  // namespace signet::config
