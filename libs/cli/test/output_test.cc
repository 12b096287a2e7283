#include "cli/output.h"

#include <gtest/gtest.h>

#include "spire/api/types/jointoken.pb.h"
#include "support.h"

namespace signet::cli {
namespace {

struct OutputTest : testing::Test {
  OutputTest() {
    output.declare(flags);
    output.declare(flags, "format");
  }
  FlagSet::Outcome parse(const std::vector<std::string>& args) {
    return flags.parse(args, captured.io());
  }
  Output output;
  FlagSet flags{"x"};
  CapturedIo captured;
};

TEST_F(OutputTest, IsPrettyUnlessJsonIsAskedForInAnyCase) {
  EXPECT_FALSE(output.json());
  EXPECT_EQ(parse({"-output", "jSoN"}), FlagSet::Outcome::kGo);
  EXPECT_TRUE(output.json());
}

TEST_F(OutputTest, TheSameWordTwiceIsFineAnotherIsNot) {
  EXPECT_EQ(parse({"-output", "json", "-format", "json"}), FlagSet::Outcome::kGo);
  EXPECT_EQ(parse({"-output", "pretty"}), FlagSet::Outcome::kBad);
  EXPECT_EQ(flags.error(),
            "invalid value \"pretty\" for flag -output: the output format has already been set "
            "to \"json\"");
}

TEST_F(OutputTest, AnUnknownFormIsRefused) {
  EXPECT_EQ(parse({"-output", "xml"}), FlagSet::Outcome::kBad);
  EXPECT_EQ(flags.error(),
            "invalid value \"xml\" for flag -output: bad formatter flag: unknown format option: "
            "\"xml\"");
}

TEST_F(OutputTest, JsonIsOneLineAndAnErrorOfThePrettyFormIsNotMet) {
  ::spire::api::types::JoinToken token;
  token.set_value("a<b");
  const auto pretty = [&] {
    captured.io().out("pretty\n");
    return Status::internal("some failed");
  };
  EXPECT_EQ(output.print(captured.io(), token, pretty).message(), "some failed");
  EXPECT_EQ(parse({"-output", "json"}), FlagSet::Outcome::kGo);
  EXPECT_TRUE(output.print(captured.io(), token, pretty).ok());
  EXPECT_EQ(captured.out(), "pretty\n{\"expires_at\":\"0\",\"value\":\"a\\u003cb\"}\n");
}

}  // namespace
}  // namespace signet::cli
