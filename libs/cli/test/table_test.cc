#include "cli/table.h"

#include <memory>

#include <gtest/gtest.h>

#include "support.h"

namespace signet::cli {
namespace {

std::string joined(const char* name, const Args& args) {
  std::string text = name;
  for (const std::string& arg : args) text += "|" + arg;
  return text;
}
template <int Code>
int echo(Context& context, const Args& args) {
  context.io.out(joined(Code == 1 ? "fetch" : Code == 2 ? "jwt" : "run", args));
  return Code;
}
constexpr Row kRows[] = {{"api fetch", "fetches", echo<1>},
                         {"api fetch jwt", "fetches tokens", echo<2>},
                         {"run", "runs", echo<3>}};

class TableTest : public testing::Test {
 protected:
  int go(const Args& args) {
    captured = std::make_unique<CapturedIo>();
    Host host;
    const Call call(nullptr);
    Context context{host, call, captured->io()};
    return dispatch("prog", kRows, context, args);
  }
  std::unique_ptr<CapturedIo> captured;
};

TEST_F(TableTest, TheLongestWordsWinAndTheRestAreArguments) {
  EXPECT_EQ(go({"api", "fetch"}), 1);
  EXPECT_EQ(captured->out(), "fetch");
  EXPECT_EQ(go({"api", "fetch", "jwt", "-a", "b"}), 2);
  EXPECT_EQ(captured->out(), "jwt|-a|b");
  EXPECT_EQ(go({"api", "fetch", "-a", "jwt"}), 1);
  EXPECT_EQ(captured->out(), "fetch|-a|jwt");
  EXPECT_EQ(go({"api", "fetch", "jwtx"}), 1);
  EXPECT_EQ(captured->out(), "fetch|jwtx");
}

TEST_F(TableTest, AnUnknownCommandOrNoneGives127AndTheList) {
  for (const Args& args : {Args{}, Args{"nosuch"}, Args{"nosuch", "-h"}, Args{"ru"}}) {
    EXPECT_EQ(go(args), 127);
    EXPECT_EQ(captured->out(), "");
    EXPECT_EQ(captured->err(),
              "Usage: prog [--version] [--help] <command> [<args>]\n\nAvailable commands are:\n"
              "    api    (a group of commands)\n    run    runs\n\n");
  }
}

TEST_F(TableTest, AGroupAloneListsItsCommandsAndGives1) {
  for (const Args& args : {Args{"api"}, Args{"api", "fetchx"}}) {
    EXPECT_EQ(go(args), 1);
    EXPECT_EQ(captured->err(), "\nCommands of api:\n    fetch    fetches\n");
  }
}

TEST_F(TableTest, HelpAnywhereBeforeTwoDashesGives0) {
  EXPECT_EQ(go({"-h"}), 0);
  EXPECT_EQ(go({"run", "-x", "--help"}), 0);
  EXPECT_EQ(captured->out(), "run|-h") << "the command prints its own usage";
  EXPECT_EQ(go({"run", "--", "-h"}), 3);
  EXPECT_EQ(captured->out(), "run|--|-h");
}

TEST_F(TableTest, VersionCountsBeforeACommandOnly) {
  EXPECT_EQ(go({"--version"}), 0);
  EXPECT_EQ(captured->err(), SIGNET_VERSION "\n");
  EXPECT_EQ(go({"run", "-v"}), 3);
}

TEST_F(TableTest, AFlagBeforeTheCommandIsRefused) { EXPECT_EQ(go({"-x", "run"}), 1); }

}  // namespace
}  // namespace signet::cli
