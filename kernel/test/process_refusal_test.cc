// The executable itself: configurations and plugins that it refuses, and what it says of them.
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "process_child.h"

namespace signet::kernel {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(KernelRefusal, ValidateNamesEveryProblemWithItsPosition) {
  TestPrefix prefix{"role-test", "widget-good"};
  const std::string good = prefix.dir().write("good.conf", config());
  Child valid(prefix, {"validate", "-config", good});
  EXPECT_EQ(valid.wait(), 0);
  EXPECT_EQ(valid.out(), "test configuration file is valid.\n");
  Child by_role(prefix, {"testd", "validate", good});
  EXPECT_EQ(by_role.wait(), 0);

  const std::string bad = prefix.dir().write(
      "bad.conf", config("relm = \"x\"",
                         "Widget \"good\" { plugin_data { reject = true } }\nGadget \"x\" "
                         "{}\nWidgit \"y\" {}\nWidget \"gone\" {}"));
  Child invalid(prefix, {"validate", "-config", bad});
  EXPECT_EQ(invalid.wait(), 1);
  const std::string text = invalid.err();
  EXPECT_THAT(text, HasSubstr("test configuration file is invalid:"));
  EXPECT_THAT(text, HasSubstr("bad.conf:3:1: test.relm: unknown key"));
  EXPECT_THAT(text, HasSubstr("bad.conf:6:"));
  EXPECT_THAT(text, HasSubstr("plugins.Widget.good: is not wanted here"));
  EXPECT_THAT(text, HasSubstr("plugins.Gadget.x: is accepted but has no effect yet: no Gadget"));
  EXPECT_THAT(text, HasSubstr("plugins.Widgit: unknown plugin type; did you mean \"Widget\"?"));
  EXPECT_THAT(text, HasSubstr("plugins.Widget.gone: no widget-gone.so in " + prefix.plugin_dir()));
}

TEST(KernelRefusal, ValidateChecksTheLogSettingsAndOpensNoLogFile) {
  TestPrefix prefix{"role-test", "widget-good"};
  const std::string log = prefix.dir().file("log");
  const std::string file =
      prefix.dir().write("test.conf", config("log_level = \"loud\"\nlog_file = \"" + log + "\""));
  Child child(prefix, {"validate", "-config", file});
  EXPECT_EQ(child.wait(), 1);
  EXPECT_THAT(child.err(), HasSubstr("test.conf:3:1: test.log_level: is not one of trace"));
  EXPECT_FALSE(std::filesystem::exists(log));
}

TEST(KernelRefusal, RefusesAPreloadedLibrary) {
  TestPrefix prefix{"role-test"};
  Child child(prefix, {"testd", "hello"}, {"LD_LIBRARY_PATH=/nowhere"});
  EXPECT_EQ(child.wait(), 1);
  EXPECT_THAT(child.err(), HasSubstr("LD_LIBRARY_PATH is set"));
  Child allowed(prefix, {"testd", "hello"}, {"LD_LIBRARY_PATH=/nowhere", "SIGNET_ALLOW_PRELOAD=1"});
  EXPECT_EQ(allowed.wait(), 7);
}

TEST(KernelRefusal, RefusesBadPluginsByNameAndReason) {
  struct Case {
    const char* file;
    const char* reason;
  };
  for (const Case& c :
       {Case{"no-entry", "has no entry symbol"}, Case{"no-note", "has no .note.signet"},
        Case{"bad-note", "disagree on name"}, Case{"major", "was built for ABI major 2"},
        Case{"lying-major", "ABI major 2"}, Case{"exports", "exports \"extra_export\""},
        Case{"runpath", "RUNPATH"}, Case{"execstack", "executable stack"},
        Case{"throwing-entry", "threw out of its entry function"}}) {
    TestPrefix prefix{"role-test"};
    prefix.add(std::string("widget-") + c.file);
    const std::string file =
        prefix.dir().write("test.conf", config("", std::string("Widget \"") + c.file + "\" {}"));
    Child child(prefix, {"testd", "run", file});
    EXPECT_EQ(child.wait(), 1) << c.file;
    EXPECT_THAT(child.err(), HasSubstr(prefix.plugin(std::string("widget-") + c.file)));
    EXPECT_THAT(child.err(), HasSubstr(c.reason)) << c.file;
    EXPECT_THAT(child.out(), Not(HasSubstr("Role runs")));
  }
}

TEST(KernelRefusal, RefusesAWorldWritablePluginAndAFailedPin) {
  TestPrefix prefix{"role-test", "widget-good"};
  const std::string zeros(64, '0');
  Child pinned(prefix,
               {"testd", "run",
                prefix.dir().write("pin.conf", config("", "Widget \"good\" { plugin_checksum = \"" +
                                                              zeros + "\" }"))});
  EXPECT_EQ(pinned.wait(), 1);
  EXPECT_THAT(pinned.err(), HasSubstr("fails its pin"));
  chmod(prefix.plugin("widget-good").c_str(), 0777);
  Child writable(prefix, {"testd", "run", prefix.dir().write("test.conf", config())});
  EXPECT_EQ(writable.wait(), 1);
  EXPECT_THAT(writable.err(), HasSubstr("is world-writable"));
  EXPECT_THAT(writable.err(), HasSubstr("chmod go-w " + prefix.plugin("widget-good")));
}

TEST(KernelRefusal, LoadsThePluginThatPluginCmdNames) {
  TestPrefix prefix{"role-test"};
  TestPrefix elsewhere{"widget-other"};
  const std::string plugin = elsewhere.plugin("widget-other");
  Child child(prefix,
              {"testd", "run",
               prefix.dir().write("test.conf", config("", "Widget \"mine\" { plugin_cmd = \"" +
                                                              plugin + "\" }"))});
  ASSERT_TRUE(child.until_out("Role runs")) << child.err();
  child.signal(SIGTERM);
  EXPECT_EQ(child.wait(), 0);
  Child external(
      prefix, {"testd", "run",
               prefix.dir().write("ext.conf",
                                  config("", "Widget \"mine\" { plugin_cmd = \"/bin/true\" }"))});
  EXPECT_EQ(external.wait(), 1);
  EXPECT_THAT(external.err(), HasSubstr("external plugins come later"));
}

TEST(KernelRefusal, ListsAndInspectsPluginsWithoutRunningThem) {
  TestPrefix prefix{"role-test", "widget-good", "widget-throwing-entry"};
  Child list(prefix, {"plugin", "list"});
  EXPECT_EQ(list.wait(), 0);
  EXPECT_THAT(list.out(), HasSubstr("widget-throwing-entry"));
  Child inspect(prefix, {"plugin", "inspect", prefix.plugin("role-test")});
  EXPECT_EQ(inspect.wait(), 0);
  EXPECT_THAT(inspect.out(), HasSubstr("commands:  testd, test-alias"));
  Child missing(prefix, {"plugin", "inspect", "/bin/sh"});
  EXPECT_EQ(missing.wait(), 1);
}

}  // namespace
}  // namespace signet::kernel
