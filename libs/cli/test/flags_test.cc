// The texts here were printed by SPIRE 1.15.3's commands, which use Go's flag package.
#include "cli/flags.h"

#include <gtest/gtest.h>

#include "cli/output.h"
#include "support.h"

namespace signet::cli {
namespace {

using namespace std::chrono_literals;

struct Values {
  std::string name, mode = "restrict";
  std::int64_t ttl = 600;
  bool force = false, seen = false;
  std::chrono::nanoseconds wait = 5s;
  std::vector<std::string> selectors;
  Tristate banned = Tristate::kAll;
};

class FlagsTest : public testing::Test {
 protected:
  FlagsTest() {
    flags.text("name", &v.name, "a name");
    flags.text("mode", &v.mode, "a mode");
    flags.integer("ttl", &v.ttl, "seconds");
    flags.boolean("force", &v.force, "do it");
    flags.presence("seen", &v.seen, "was given");
    flags.duration("wait", &v.wait, "how long");
    flags.texts("selector", &v.selectors, "repeatable");
    flags.tristate("banned", &v.banned, "which");
  }
  bool ok(const std::vector<std::string>& args) {
    return flags.parse(args, captured.io()) == FlagSet::Outcome::kGo;
  }
  std::string error_of(const std::vector<std::string>& args) {
    CapturedIo own;
    EXPECT_EQ(flags.parse(args, own.io()), FlagSet::Outcome::kBad);
    EXPECT_EQ(own.err(), flags.error() + "\n" + flags.usage());
    EXPECT_EQ(own.out(), "");
    return flags.error();
  }
  Values v;
  FlagSet flags{"thing do"};
  CapturedIo captured;
};

TEST_F(FlagsTest, OneDashOrTwoAndTheValueInEitherPlace) {
  ASSERT_TRUE(ok({"-name", "a", "--mode", "b", "-ttl=5", "--wait=1m"}));
  EXPECT_EQ(v.name, "a");
  EXPECT_EQ(v.mode, "b");
  EXPECT_EQ(v.ttl, 5);
  EXPECT_EQ(v.wait, 1min);
}

TEST_F(FlagsTest, AValueMayBeEmptyOrLookLikeAFlag) {
  ASSERT_TRUE(ok({"-mode=", "-name", "-force"}));
  EXPECT_EQ(v.mode, "");
  EXPECT_EQ(v.name, "-force");
  EXPECT_FALSE(v.force);
  ASSERT_TRUE(ok({"-name", "", "-ttl", "-5"}));
  EXPECT_EQ(v.name, "");
  EXPECT_EQ(v.ttl, -5);
}

TEST_F(FlagsTest, ABooleanNeverTakesTheNextWord) {
  ASSERT_TRUE(ok({"-force", "false", "-name", "late"}));
  EXPECT_TRUE(v.force);
  EXPECT_EQ(v.name, "") << "the first word that is no flag ends the flags";
}

TEST_F(FlagsTest, EveryGoBooleanIsRead) {
  for (const char* yes : {"1", "t", "T", "TRUE", "true", "True"}) {
    v.force = false;
    EXPECT_TRUE(ok({std::string("-force=") + yes})) << yes;
    EXPECT_TRUE(v.force) << yes;
  }
  for (const char* no : {"0", "f", "F", "FALSE", "false", "False"}) {
    v.force = true;
    EXPECT_TRUE(ok({std::string("-force=") + no})) << no;
    EXPECT_FALSE(v.force) << no;
  }
}

TEST_F(FlagsTest, APresenceFlagIsOnWhateverItsValue) {
  ASSERT_TRUE(ok({"-seen=false"}));
  EXPECT_TRUE(v.seen);
}

TEST_F(FlagsTest, RepeatedFlagsCollectOrTheLastOneWins) {
  ASSERT_TRUE(ok({"-selector", "a:b", "-ttl", "1", "-selector=c:d=e", "-ttl", "2"}));
  EXPECT_EQ(v.selectors, (std::vector<std::string>{"a:b", "c:d=e"}));
  EXPECT_EQ(v.ttl, 2);
}

TEST_F(FlagsTest, TwoDashesASingleDashAndAWordEndTheFlags) {
  for (const char* end : {"--", "-", "word", ""}) {
    v.name = "before";
    ASSERT_TRUE(ok({end, "-name", "after"})) << end;
    EXPECT_EQ(v.name, "before") << end;
  }
}

TEST_F(FlagsTest, ATristateFallsBackToAll) {
  ASSERT_TRUE(ok({"-banned", "true"}));
  EXPECT_EQ(v.banned, Tristate::kTrue);
  ASSERT_TRUE(ok({"-banned=false"}));
  EXPECT_EQ(v.banned, Tristate::kFalse);
  ASSERT_TRUE(ok({"-banned", "maybe"}));
  EXPECT_EQ(v.banned, Tristate::kAll);
}

TEST_F(FlagsTest, KeepsTheWordsAfterTheFlags) {
  ASSERT_TRUE(ok({"-name", "n", "a", "-force"}));
  EXPECT_EQ(flags.rest(), (std::vector<std::string>{"a", "-force"}));
  ASSERT_TRUE(ok({"-name", "n", "--", "-b"}));
  EXPECT_EQ(flags.rest(), (std::vector<std::string>{"-b"}));
}

TEST_F(FlagsTest, ErrorsAreThePeersTexts) {
  EXPECT_EQ(error_of({"-nosuch"}), "flag provided but not defined: -nosuch");
  EXPECT_EQ(error_of({"--nosuch=1"}), "flag provided but not defined: -nosuch");
  EXPECT_EQ(error_of({"-ttl"}), "flag needs an argument: -ttl");
  EXPECT_EQ(error_of({"-ttl", "abc"}), "invalid value \"abc\" for flag -ttl: parse error");
  EXPECT_EQ(error_of({"-ttl", "99999999999999999999"}),
            "invalid value \"99999999999999999999\" for flag -ttl: value out of range");
  EXPECT_EQ(error_of({"-wait", "soon"}), "invalid value \"soon\" for flag -wait: parse error");
  EXPECT_EQ(error_of({"-force=maybe"}), "invalid boolean value \"maybe\" for -force: parse error");
  EXPECT_EQ(error_of({"---x"}), "bad flag syntax: ---x");
  EXPECT_EQ(error_of({"-=x"}), "bad flag syntax: -=x");
  EXPECT_EQ(error_of({"--=x"}), "bad flag syntax: --=x");
}

TEST_F(FlagsTest, HelpPrintsTheUsageWithNamesTypesAndDefaults) {
  for (const char* word : {"-h", "--help"}) {
    CapturedIo own;
    EXPECT_EQ(flags.parse({word}, own.io()), FlagSet::Outcome::kHelp);
    EXPECT_EQ(own.err(),
              "Usage of thing do:\n"
              "  -banned value\n    \twhich\n"
              "  -force\n    \tdo it\n"
              "  -mode string\n    \ta mode (default \"restrict\")\n"
              "  -name string\n    \ta name\n"
              "  -seen\n    \twas given\n"
              "  -selector value\n    \trepeatable\n"
              "  -ttl int\n    \tseconds (default 600)\n"
              "  -wait duration\n    \thow long (default 5s)\n");
  }
}

}  // namespace
}  // namespace signet::cli
