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
