#include "settings/settings.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace signet::settings {
namespace {

TEST(Settings, AreAnObject) {
  EXPECT_TRUE(parse(R"({"a": 1})").ok());
  for (const char* bad : {"", "[]", "1", "{"}) {
    EXPECT_EQ(parse(bad).status().message(), "the settings are not an object") << bad;
  }
}

TEST(Settings, ATextThatIsNotWrittenIsEmptyAndOneOfAnotherTypeIsRefusedByName) {
  const auto settings = parse(R"({"path": "/a", "none": null, "number": 3, "empty": ""})").value();
  EXPECT_EQ(text_of(settings, "path").value(), "/a");
  EXPECT_EQ(text_of(settings, "none").value(), "");
  EXPECT_EQ(text_of(settings, "absent").value(), "");
  EXPECT_EQ(text_of(settings, "number").status().message(), "number is not a string");
  EXPECT_EQ(required_text(settings, "path").value(), "/a");
  EXPECT_EQ(required_text(settings, "absent").status().message(), "absent is required");
  EXPECT_EQ(required_text(settings, "empty").status().message(), "empty is required");
}

Result<std::string> read_word(const nlohmann::json& block) {
  if (!block.contains("word")) return Status::not_found("no word");
  return block.at("word").get<std::string>();
}

TEST(Settings, OfARoleAreThoseOfItsBlock) {
  const auto read = [](std::string_view json) { return read_block(json, "role", read_word); };
  EXPECT_EQ(read(R"({"role": {"word": "w"}})").value(), "w");
  EXPECT_EQ(read(R"({"role": {}})").status().code(), Code::kNotFound);
  for (const char* bad : {"{}", "[]", "1", R"({"role": 1})"})
    EXPECT_EQ(read(bad).status().message(), "role: block is missing") << bad;
  for (const char* bad : {"", "{", R"({"role": {"word": 1}})"}) {
    EXPECT_EQ(read(bad).status().code(), Code::kInvalidArgument) << bad;
    EXPECT_TRUE(read(bad).status().message().starts_with("role: ")) << bad;
  }
}

TEST(Settings, OfACheckedBlockHaveFallbacks) {
  const auto block = parse(R"({"word": "w", "on": true, "names": ["a", "b"], "odd": {}})").value();
  EXPECT_EQ(text(block, "word"), "w");
  EXPECT_EQ(text(block, "absent", "f"), "f");
  EXPECT_EQ(text(block, "odd", "f"), "f");
  EXPECT_TRUE(flag(block, "on", false));
  EXPECT_TRUE(flag(block, "absent", true));
  EXPECT_EQ(list(block, "names"), (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(list(block, "odd").empty());
}

}  // namespace
}  // namespace signet::settings
