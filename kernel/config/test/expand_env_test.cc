#include "config/expand_env.h"

#include <map>

#include <gtest/gtest.h>

namespace signet::config {
namespace {

std::string expand(std::string_view text) {
  return expand_env(text, [](const std::string& name) -> std::optional<std::string> {
    const std::map<std::string, std::string> kSet = {
        {"A", "alpha"}, {"A_1", "under"}, {"1", "one"}, {"*", "star"}, {"x y", "blank"}};
    const auto found = kSet.find(name);
    if (found == kSet.end()) return {};
    return found->second;
  });
}

// The expected values were made with Go's os.Expand and a lookup that maps "$" to "$".
TEST(ExpandEnv, FollowsTheRulesOfGo) {
  const struct {
    std::string_view text, want;
  } kCases[] = {
      {"", ""},
      {"plain", "plain"},
      {"$A", "alpha"},
      {"${A}", "alpha"},
      {"<$A>", "<alpha>"},
      {"$A_1", "under"},
      {"${A}_1", "alpha_1"},
      {"$A-1", "alpha-1"},
      {"$NONE.", "."},
      {"${NONE}.", "."},
      {"$$", "$"},
      {"$$A", "$A"},
      {"$$$A", "$alpha"},
      {"${$}", "$"},
      {"$", "$"},
      {"a$", "a$"},
      {"$ A", "$ A"},
      {"$(A)", "$(A)"},
      {"$\"", "$\""},
      {"$12", "one2"},
      {"${1}", "one"},
      {"$*", "star"},
      {"$*A", "starA"},
      {"${}x", "x"},
      {"${A", "A"},
      {"${", ""},
      {"a${x y}b", "ablankb"},
      {"${A}${A}", "alphaalpha"},
      {"$\xC3\xA9", "$\xC3\xA9"},
  };
  for (const auto& c : kCases) EXPECT_EQ(expand(c.text), c.want) << c.text;
}

TEST(ExpandEnv, DoesNotExpandWhatAVariableHolds) {
  EXPECT_EQ(expand_env("$V", [](const std::string&) { return "$V ${V}"; }), "$V ${V}");
}

}  // namespace
}  // namespace signet::config
