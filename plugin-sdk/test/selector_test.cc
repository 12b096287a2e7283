#include "signet/selector.h"

#include <gtest/gtest.h>

namespace signet {
namespace {

TEST(Selector, SplitsAtTheFirstColon) {
  const auto selector = Selector::parse("unix:uid:1000");
  ASSERT_TRUE(selector.ok());
  EXPECT_EQ(selector->type, "unix");
  EXPECT_EQ(selector->value, "uid:1000");
  EXPECT_EQ(selector->to_string(), "unix:uid:1000");
}

TEST(Selector, KeepsTheValueAsItIs) {
  for (const char* text : {"k8s:ns: a b ", "t:::", "t:\xff\x01", "t: "}) {
    const auto selector = Selector::parse(text);
    ASSERT_TRUE(selector.ok()) << text;
    EXPECT_EQ(selector->to_string(), text);
  }
}

TEST(Selector, RefusesWhatIsNoTypeWithAValue) {
  const auto message = [](const char* text) { return Selector::parse(text).status().message(); };
  EXPECT_EQ(message("plain"), "selector \"plain\" must be formatted as type:value");
  EXPECT_EQ(message(""), "selector \"\" must be formatted as type:value");
  EXPECT_EQ(message(":value"), "missing selector type");
  EXPECT_EQ(message("type:"), "missing selector value");
  EXPECT_EQ(message(":"), "missing selector type");
  EXPECT_EQ(Selector::parse("plain").status().code(), Code::kInvalidArgument);
}

TEST(Selector, ChecksOneThatWasNotParsed) {
  EXPECT_TRUE((Selector{"unix", "uid:0"}).check().ok());
  EXPECT_EQ((Selector{"a:b", "c"}).check().message(), "selector type contains ':'");
  EXPECT_FALSE((Selector{"", "c"}).check().ok());
  EXPECT_FALSE((Selector{"a", ""}).check().ok());
}

TEST(Selector, OrdersByTypeThenValue) {
  EXPECT_LT((Selector{"a", "z"}), (Selector{"b", "a"}));
  EXPECT_LT((Selector{"a", "a"}), (Selector{"a", "b"}));
  EXPECT_EQ((Selector{"a", "a"}), (Selector{"a", "a"}));
}

TEST(SelectorSet, IsTheSameInWhateverOrderItWasTold) {
  SelectorSet set = {{"b", "1"}, {"a", "2"}, {"b", "1"}, {"a", "1"}, {"a", "2"}};
  normalise(set);
  EXPECT_EQ(set, (SelectorSet{{"a", "1"}, {"a", "2"}, {"b", "1"}}));
}

}  // namespace
}  // namespace signet
