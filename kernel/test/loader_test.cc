#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "loader/catalogue.h"
#include "loader/plugin_file.h"
#include "test_files.h"

namespace signet::kernel {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Loader, LoadsAPluginOnceAndKeepsIt) {
  TestPrefix prefix{"widget-good"};
  const auto first = load_plugin(prefix.plugin("widget-good"), "");
  ASSERT_TRUE(first.ok()) << first.status().message();
  EXPECT_STREQ((*first)->descriptor->name, "widget-good");
  const auto second = load_plugin(prefix.plugin("widget-good"), "");
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(*first, *second);
}

TEST(Loader, ChecksAPinAlsoOfAPluginThatIsLoaded) {
  TestPrefix prefix{"widget-good"};
  ASSERT_TRUE(load_plugin(prefix.plugin("widget-good"), "").ok());
  const auto pinned = load_plugin(prefix.plugin("widget-good"), std::string(64, 'a'));
  EXPECT_THAT(pinned.status().message(), HasSubstr("fails its pin"));
  // The message names the right pin; with it the file loads.
  const std::string message = pinned.status().message();
  const std::string actual = message.substr(message.size() - 64);
  EXPECT_TRUE(load_plugin(prefix.plugin("widget-good"), actual).ok());
  EXPECT_THAT(load_plugin(prefix.plugin("widget-good"), "short").status().message(),
              HasSubstr("64 hexadecimal"));
}

TEST(Loader, InspectRunsNoCode) {
  TestPrefix prefix{"widget-throwing-entry"};
  EXPECT_TRUE(inspect_plugin(prefix.plugin("widget-throwing-entry")).ok());
  EXPECT_FALSE(load_plugin(prefix.plugin("widget-throwing-entry"), "").ok());
  EXPECT_FALSE(load_plugin(prefix.plugin("widget-throwing-entry"), "").ok());
}

TEST(Loader, SupportLibrariesPassTheTrustWalk) {
  TempDir dir;
  EXPECT_TRUE(load_support_libraries(dir.file("missing")).ok());
  dir.write("libsignet-broken.so", "not a library");
  EXPECT_THAT(load_support_libraries(dir.path()).message(),
              HasSubstr("libsignet-broken.so cannot be loaded"));
  TempDir other;
  chmod(other.write("libsignet-open.so", "x").c_str(), 0666);
  EXPECT_THAT(load_support_libraries(other.path()).message(), HasSubstr("world-writable"));
}

TEST(Catalogue, KnowsPluginsByTheirNotesAndKeepsTheRefusedApart) {
  TestPrefix prefix{"role-test", "widget-good", "widget-no-note"};
  const auto catalogue = Catalogue::scan(prefix.plugin_dir());
  ASSERT_TRUE(catalogue.ok()) << catalogue.status().message();
  EXPECT_EQ(catalogue->plugins().size(), 2u);
  ASSERT_EQ(catalogue->refused().size(), 1u);
  EXPECT_THAT(catalogue->refused()[0].second.message(), HasSubstr("no .note.signet"));
  EXPECT_THAT(catalogue->commands(), ElementsAre("test-alias", "testd"));
  ASSERT_NE(catalogue->with_command("testd"), nullptr);
  EXPECT_EQ(catalogue->with_command("testd")->note.name, "role-test");
  EXPECT_NE(catalogue->with_service("test.widget/1"), nullptr);
  EXPECT_EQ(catalogue->with_service("test.other/1"), nullptr);
}

TEST(Catalogue, NamesTheFolderAndTheNearestFile) {
  TestPrefix prefix{"widget-good"};
  const auto catalogue = Catalogue::scan(prefix.plugin_dir());
  ASSERT_TRUE(catalogue.ok());
  EXPECT_THAT(
      catalogue->find_file("widget-god.so").status().message(),
      HasSubstr("no widget-god.so in " + prefix.plugin_dir() + "; did you mean widget-good.so?"));
}

TEST(Catalogue, BlockNamesBecomeFileNames) {
  EXPECT_EQ(file_for_block("NodeAttestor", "k8s_psat"), "nodeattestor-k8s-psat.so");
}

}  // namespace
}  // namespace signet::kernel
