#include "life/writes.h"

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "test_files.h"

namespace signet::kernel {
namespace {

namespace fs = std::filesystem;

class WritesTest : public testing::Test {
 protected:
  WritesTest() { fs::create_directory(root_ / "data"); }

  const TempDir folder_;
  const fs::path root_ = fs::canonical(folder_.path());
  Writes writes_;
};

TEST_F(WritesTest, OfAFileItIsTheFolder) {
  EXPECT_TRUE(writes_.add_file(root_ / "data/keys.json"));
  EXPECT_TRUE(writes_.add(root_ / "data/"));
  EXPECT_THAT(writes_.settle(), testing::ElementsAre((root_ / "data").string()));
}

TEST_F(WritesTest, OfWhatIsNotThereItIsTheNearestFolderAbove) {
  EXPECT_TRUE(writes_.add(root_ / "data/later/deep"));
  EXPECT_THAT(writes_.settle(), testing::ElementsAre((root_ / "data").string()));
}

TEST_F(WritesTest, ARelativePathIsOfTheWorkingFolder) {
  EXPECT_TRUE(writes_.add_file("file"));
  EXPECT_THAT(writes_.settle(), testing::ElementsAre(fs::current_path().string()));
}

TEST_F(WritesTest, ALinkIsFollowed) {
  fs::create_directory_symlink(root_ / "data", root_ / "link");
  EXPECT_TRUE(writes_.add_file(root_ / "link/file"));
  EXPECT_THAT(writes_.settle(), testing::ElementsAre((root_ / "data").string()));
}

TEST_F(WritesTest, OnceSettledOnlyWhatIsBelowIsTaken) {
  EXPECT_TRUE(writes_.add(root_ / "data"));
  writes_.settle();
  EXPECT_TRUE(writes_.add_file(root_ / "data/new.json"));
  EXPECT_TRUE(writes_.add(root_ / "data/below/deep"));
  EXPECT_FALSE(writes_.add_file(root_ / "file"));
  EXPECT_FALSE(writes_.add(root_ / "data2"));
  EXPECT_FALSE(writes_.add(root_ / "data/../other"));
}

}  // namespace
}  // namespace signet::kernel
