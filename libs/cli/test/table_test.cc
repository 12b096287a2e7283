#include "cli/table.h"

#include <memory>

#include <gtest/gtest.h>

#include "signet/testing/fake_host.h"

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
int fail(Context&, const Args&) { return 1; }

constexpr Row kRows[] = {{"api fetch", "fetches", echo<1>},
                         {"api fetch jwt", "fetches tokens", echo<2>},
                         {"run", "runs", echo<3>}};
constexpr Row kWaiting[] = {{"list", "lists", fail},
                            {"quick", "is done before a signal can stop it", echo<0>},
                            {"watch", "says itself how it ends", fail, true}};

class TableTest : public testing::Test {
 protected:
  Result<int> run(const Args& args, std::span<const Row> rows = kRows) {
    captured = std::make_unique<CapturedIo>();
    const Host host;
    const Call call(abi_call.abi());
    Interrupt interrupt(call);
    Context context{host, call, interrupt, captured->io()};
    return dispatch("prog", rows, context, args);
  }
  int go(const Args& args) { return run(args).value(); }
  fakes::FakeCall abi_call;
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

TEST_F(TableTest, ACommandThatCtrlCMadeFailEndsAsCancelled) {
  EXPECT_EQ(run({"list"}, kWaiting).value(), 1);
  abi_call.cancel();
  EXPECT_EQ(run({"list"}, kWaiting).status().code(), Code::kCancelled);
  EXPECT_EQ(run({"quick"}, kWaiting).value(), 0);
  EXPECT_EQ(run({"watch"}, kWaiting).value(), 1);
}

}  // namespace
}  // namespace signet::cli
