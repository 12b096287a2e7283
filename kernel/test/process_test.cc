// The executable itself: command words, a role's whole life, signals.
#include <chrono>
#include <filesystem>
#include <poll.h>
#include <signal.h>
#include <unistd.h>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "process_child.h"

namespace signet::kernel {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(KernelProcess, WithoutAWordPrintsHelpAndExits127) {
  TestPrefix prefix{"role-test"};
  Child child(prefix, {});
  EXPECT_EQ(child.wait(), 127);
  EXPECT_THAT(child.err(), HasSubstr("testd"));
  Child unknown(prefix, {"sevrer"});
  EXPECT_EQ(unknown.wait(), 127);
  EXPECT_THAT(unknown.err(), HasSubstr("unknown command \"sevrer\""));
}

TEST(KernelProcess, RunsThePluginThatListsTheWord) {
  TestPrefix prefix{"role-test"};
  Child child(prefix, {"testd", "hello"});
  EXPECT_EQ(child.wait(), 7);
  EXPECT_EQ(child.out(), "testd:hello\n");
}

TEST(KernelProcess, SigintEndsACommandThatListensAndOneThatDoesNot) {
  TestPrefix prefix{"role-test"};
  for (const char* how : {"polite", "deaf"}) {
    Child child(prefix, {"testd", "wait", how});
    ASSERT_TRUE(child.until_out("waiting"));
    child.signal(SIGINT);
    EXPECT_EQ(child.wait(), 128 + SIGINT) << how;
  }
}

TEST(KernelProcess, ItsOwnNameMayBeTheWord) {
  TestPrefix prefix{"role-test"};
  Child child(prefix, {"hello"}, {}, "/usr/bin/test-alias");
  EXPECT_EQ(child.wait(), 7);
  EXPECT_EQ(child.out(), "test-alias:hello\n");
}

TEST(KernelProcess, RunsARoleUntilSigterm) {
  TestPrefix prefix{"role-test", "widget-good"};
  const std::string trace = prefix.dir().file("trace");
  const std::string file = prefix.dir().write(
      "test.conf", config("trace = \"" + trace + "\"",
                          "Widget \"good\" { plugin_data { trace = \"" + trace + "\" } }"));
  Child child(prefix, {"testd", "run", file});
  ASSERT_TRUE(child.until_out("Role runs")) << child.err();
  child.signal(SIGTERM);
  EXPECT_EQ(child.wait(), 0);
  EXPECT_EQ(read_text(trace),
            "good configure\nrole configure\ngood start\nrole start\n"
            "role drain\nrole stop\ngood drain\ngood stop\ngood destroy\n");
  EXPECT_THAT(child.out(), HasSubstr("level=info msg=\"Plugin loaded\" external=false "
                                     "plugin_name=good plugin_type=Widget subsystem_name=catalog"));
  EXPECT_EQ(child.err(), "");
}

TEST(KernelProcess, ADefaultPluginWithABlockOfItsOwnIsThereWhenTheBlockSaysSo) {
  for (const char* on : {"true", "false"}) {
    TestPrefix prefix{"role-test", "widget-good", "widget-other"};
    const std::string trace = prefix.dir().file("trace");
    const std::string extra =
        std::string("extra {\n on = ") + on + "\n trace = \"" + trace + "\"\n}\n";
    Child child(prefix, {"testd", "run", prefix.dir().write("test.conf", config() + extra)});
    ASSERT_TRUE(child.until_out("Role runs")) << child.err();
    child.signal(SIGTERM);
    EXPECT_EQ(child.wait(), 0);
    EXPECT_EQ(read_text(trace).find("other start\n") != std::string::npos,
              on == std::string("true"));
  }
}

TEST(KernelProcess, TheRunningProcessIsHardened) {
  TestPrefix prefix{"role-test", "widget-good"};
  Child child(prefix, {"testd", "run", prefix.dir().write("test.conf", config())});
  ASSERT_TRUE(child.until_out("Role runs")) << child.err();
  const std::string proc = "/proc/" + std::to_string(child.pid());
  EXPECT_THAT(read_text(proc + "/status"), HasSubstr("NoNewPrivs:\t1"));
  EXPECT_THAT(read_text(proc + "/limits"), testing::ContainsRegex("Max core file size +0 +0"));
  child.signal(SIGINT);
  EXPECT_EQ(child.wait(), 0);
}

#ifndef SIGNET_SANITIZED
TEST(KernelProcess, AConfinedRoleWritesOnlyWhereItsPluginsSaid) {
  if (syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION) < 1)
    GTEST_SKIP() << "this machine has no Landlock";
  for (const auto& [folder, outcome] :
       {std::pair{"said", "It could be written"}, {"elsewhere", "Permission denied"}}) {
    TestPrefix prefix{"role-test", "widget-good"};
    ASSERT_EQ(mkdir(prefix.dir().file("said").c_str(), 0700), 0);
    ASSERT_EQ(mkdir(prefix.dir().file("elsewhere").c_str(), 0700), 0);
    const std::string settings = "trace = \"" + prefix.dir().file("said/trace") +
                                 "\"\n write = \"" + prefix.dir().file(folder) + "/file\"";
    Child child(prefix, {"testd", "run", prefix.dir().write("test.conf", config(settings))});
    ASSERT_TRUE(child.until_out("Role runs")) << child.err();
    EXPECT_THAT(child.out(), HasSubstr(outcome));
    child.signal(SIGTERM);
    EXPECT_EQ(child.wait(), 0);
    EXPECT_THAT(read_text(prefix.dir().file("said/trace")), HasSubstr("role stop\n"));
  }
}
#endif

TEST(KernelProcess, AFailedStartStopsWhatWasStartedAndExits1) {
  TestPrefix prefix{"role-test", "widget-good", "widget-other"};
  const std::string trace = prefix.dir().file("trace");
  const std::string file = prefix.dir().write(
      "test.conf",
      config("trace = \"" + trace + "\"", "Widget \"good\" { plugin_data { trace = \"" + trace +
                                              "\" } }\n"
                                              "Widget \"other\" { plugin_data { trace = \"" +
                                              trace + "\"\n fail_in = \"start\" } }"));
  Child child(prefix, {"testd", "run", file});
  EXPECT_EQ(child.wait(), 1);
  EXPECT_THAT(child.err(), HasSubstr("Error: Widget \"other\": told to fail"));
  EXPECT_EQ(read_text(trace),
            "good configure\nother configure\nrole configure\ngood start\nother start\n"
            "other stop\ngood drain\ngood stop\nother destroy\ngood destroy\n");
}

TEST(KernelProcess, ChangesItsLogLevelOnSighupAndNamesWhatItCannotChange) {
  TestPrefix prefix{"role-test", "widget-good"};
  const std::string file =
      prefix.dir().write("test.conf", config("log_level = \"warn\"\n port = 1"));
  const std::string trace = prefix.dir().file("trace");
  Child child(prefix, {"testd", "run", file, "{\"test\":{\"trace\":\"" + trace + "\"}}"});
  ASSERT_TRUE(Child::until([&] { return read_text(trace); }, "role start")) << child.err();
  prefix.dir().write("test.conf", config("log_level = \"DEBUG\"\n port = 2",
                                         "Widget \"good\" { plugin_data { colour = \"red\" } }"));
  child.signal(SIGHUP);
  ASSERT_TRUE(child.until_out("Plugin reconfigured")) << child.out();
  EXPECT_THAT(child.out(), HasSubstr("msg=\"Log level changed\" log_level=DEBUG"));
  EXPECT_THAT(child.out(), HasSubstr("setting=test.port"));
  EXPECT_THAT(child.out(), Not(HasSubstr("Role runs")));
  child.signal(SIGTERM);
  EXPECT_EQ(child.wait(), 0);
}

TEST(KernelProcess, ReadsPluginDataFilesAgainOnSigusr1) {
  TestPrefix prefix{"role-test", "widget-good"};
  const std::string data = prefix.dir().write("data.conf", "colour = \"red\"\n");
  const std::string file = prefix.dir().write(
      "test.conf", config("", "Widget \"good\" { plugin_data_file = \"" + data + "\" }"));
  Child child(prefix, {"testd", "run", file});
  ASSERT_TRUE(child.until_out("Role runs")) << child.err();
  prefix.dir().write("data.conf", "colour = \"blue\"\n");
  child.signal(SIGUSR1);
  EXPECT_TRUE(child.until_out("Plugin reconfigured")) << child.out();
  child.signal(SIGTERM);
  EXPECT_EQ(child.wait(), 0);
}

// What has not changed is not configured again, nor is a type that the role leaves alone.
TEST(KernelProcess, LeavesUnchangedAndFixedPluginsAloneOnSigusr1) {
  TestPrefix prefix{"role-test", "widget-good", "widget-other", "base-one"};
  const std::string trace = prefix.dir().file("trace");
  const std::string traced = "trace = \"" + trace + "\"\n";
  const std::string same = prefix.dir().write("same.conf", traced);
  const std::string fixed = prefix.dir().write("fixed.conf", traced);
  const std::string changed = prefix.dir().write("changed.conf", "colour = \"red\"\n");
  const std::string file = prefix.dir().write(
      "test.conf",
      config("", "Widget \"good\" { plugin_data_file = \"" + same +
                     "\" }\nBase \"one\" { plugin_data_file = \"" + fixed +
                     "\" }\nWidget \"other\" { plugin_data_file = \"" + changed + "\" }"));
  Child child(prefix, {"testd", "run", file});
  ASSERT_TRUE(child.until_out("Role runs")) << child.err();
  prefix.dir().write("fixed.conf", traced + "colour = \"blue\"\n");
  prefix.dir().write("changed.conf", "colour = \"blue\"\n");
  child.signal(SIGUSR1);
  // Blocks are looked at in their order, the changed one last.
  ASSERT_TRUE(child.until_out("Plugin reconfigured")) << child.out();
  EXPECT_THAT(child.out(), HasSubstr("plugin_name=other"));
  child.signal(SIGTERM);
  EXPECT_EQ(child.wait(), 0);
  const std::string log = child.out();
  EXPECT_EQ(log.find("Plugin reconfigured"), log.rfind("Plugin reconfigured"));
  const std::string steps = read_text(trace);
  for (const char* step : {"good configure", "one configure"})
    EXPECT_EQ(steps.find(step), steps.rfind(step)) << steps;
}

TEST(KernelProcess, ReopensItsLogFileOnSigusr2) {
  TestPrefix prefix{"role-test", "widget-good"};
  const std::string log = prefix.dir().file("log");
  const std::string file =
      prefix.dir().write("test.conf", config("log_file = \"" + log + "\"\nlog_format = \"JSON\""));
  Child child(prefix, {"testd", "run", file});
  ASSERT_TRUE(Child::until([&] { return read_text(log); }, "\"msg\":\"Role runs\"")) << child.err();
  struct stat info {};
  ASSERT_EQ(stat(log.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0640u);
  std::filesystem::rename(log, log + ".1");
  child.signal(SIGUSR2);
  EXPECT_TRUE(
      Child::until([&] { return std::filesystem::exists(log) ? "yes" : std::string(); }, "yes"));
  child.signal(SIGTERM);
  EXPECT_EQ(child.wait(), 0);
}

// The file of a role whose widget hangs in a step of its life.
std::string hanging_in(const TestPrefix& prefix, const std::string& trace,
                       const std::string& step) {
  return prefix.dir().write("test.conf",
                            config("", "Widget \"good\" { plugin_data { trace = \"" + trace +
                                           "\"\n hang_in = \"" + step + "\" } }"));
}

TEST(KernelProcess, ADrainThatHangsIsLeftAtTheRolesLimit) {
  TestPrefix prefix{"role-test", "widget-good"};
  const std::string trace = prefix.dir().file("trace");
  const std::string file = hanging_in(prefix, trace, "drain");
  Child child(prefix, {"testd", "run", file});
  ASSERT_TRUE(child.until_out("Role runs")) << child.err();
  const auto began = std::chrono::steady_clock::now();
  child.signal(SIGTERM);
  EXPECT_EQ(child.wait(), 0);
  const auto took = std::chrono::steady_clock::now() - began;
  EXPECT_GE(took, std::chrono::milliseconds(1900));  // the test's role gives two seconds
  EXPECT_LT(took, std::chrono::seconds(10));
  EXPECT_THAT(child.out(), HasSubstr("Plugin did not drain"));
  EXPECT_THAT(read_text(trace), HasSubstr("good drain\ngood stop\n"));
}

TEST(KernelProcess, ASecondSigtermDoesNotWait) {
  TestPrefix prefix{"role-test", "widget-good"};
  const std::string trace = prefix.dir().file("trace");
  const std::string file = hanging_in(prefix, trace, "stop");
  Child child(prefix, {"testd", "run", file});
  ASSERT_TRUE(child.until_out("Role runs")) << child.err();
  child.signal(SIGTERM);
  ASSERT_TRUE(Child::until([&] { return read_text(trace); }, "good stop"));
  child.signal(SIGTERM);
  EXPECT_EQ(child.wait(), 128 + SIGTERM);
}

TEST(KernelProcess, SigtermEndsAStartThatHangs) {
  TestPrefix prefix{"role-test", "widget-good"};
  const std::string trace = prefix.dir().file("trace");
  const std::string file = hanging_in(prefix, trace, "start");
  Child child(prefix, {"testd", "run", file});
  ASSERT_TRUE(Child::until([&] { return read_text(trace); }, "good start"));
  child.signal(SIGTERM);
  EXPECT_EQ(child.wait(), 0);
  EXPECT_THAT(read_text(trace), HasSubstr("good destroy"));
}

TEST(KernelProcess, AQuitEndsItWithItsCode) {
  TestPrefix prefix{"role-test", "widget-good"};
  Child child(prefix,
              {"testd", "run", prefix.dir().write("test.conf", config("on_start = \"quit\""))});
  EXPECT_EQ(child.wait(), 3);
  EXPECT_THAT(child.err(), HasSubstr("told to quit"));
}

TEST(KernelProcess, AQuitWhileARoleStartsSaysWhyToo) {
  TestPrefix prefix{"role-test", "widget-good"};
  const std::string file =
      prefix.dir().write("test.conf", config("on_start = \"quit and give up\""));
  Child child(prefix, {"testd", "run", file});
  EXPECT_EQ(child.wait(), 3);
  EXPECT_THAT(child.err(), HasSubstr("Error: told to quit"));
}

TEST(KernelProcess, ARoleMayStartAnotherScope) {
  TestPrefix prefix{"role-test", "widget-good"};
  const std::string trace = prefix.dir().file("trace");
  Child child(
      prefix,
      {"testd", "run",
       prefix.dir().write("test.conf", config("on_start = \"scope\"\ntrace = \"" + trace + "\""))});
  ASSERT_TRUE(child.until_out("The other scope is up")) << child.err() << child.out();
  child.signal(SIGTERM);
  EXPECT_EQ(child.wait(), 0);
  EXPECT_EQ(read_text(trace),
            "role configure\nrole start\ngood configure\nrole configure\ngood start\nrole start\n"
            "role drain\nrole stop\ngood drain\ngood stop\ngood destroy\nrole drain\nrole stop\n");
}

}  // namespace
}  // namespace signet::kernel
