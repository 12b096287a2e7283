#include "cli/write_file.h"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <unistd.h>

#include <gtest/gtest.h>
#include <sys/stat.h>

namespace signet::cli {
namespace {

namespace fs = std::filesystem;

class WriteFileTest : public testing::Test {
 protected:
  WriteFileTest() {
    std::string pattern = (fs::temp_directory_path() / "signet-cli-XXXXXX").string();
    folder = mkdtemp(pattern.data());
  }
  ~WriteFileTest() override { fs::remove_all(folder); }
  static std::string read(const fs::path& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  }
  static unsigned mode(const fs::path& path) {
    struct stat info {};
    stat(path.c_str(), &info);
    return info.st_mode & 0777;
  }
  fs::path folder;
};

TEST_F(WriteFileTest, GivesTheModeWhateverTheUmaskAndTheFileBefore) {
  const mode_t before = umask(0);
  const fs::path path = folder / "key.pem";
  std::ofstream(path) << "a longer content before";
  EXPECT_EQ(mode(path), 0666u);
  ASSERT_TRUE(write_file(path, "new", kPrivateMode).ok());
  EXPECT_EQ(read(path), "new");
  EXPECT_EQ(mode(path), 0600u);
  umask(077);
  ASSERT_TRUE(write_file(folder / "svid.pem", "x", kPublicMode).ok());
  EXPECT_EQ(mode(folder / "svid.pem"), 0644u);
  umask(before);
}

TEST_F(WriteFileTest, ReplacesALinksTargetAndLeavesNothingBeside) {
  fs::create_directory(folder / "real");
  std::ofstream(folder / "real" / "file") << "old";
  fs::create_symlink("real/file", folder / "link");
  ASSERT_TRUE(write_file(folder / "link", "new", kPublicMode).ok());
  EXPECT_TRUE(fs::is_symlink(folder / "link"));
  EXPECT_EQ(read(folder / "real" / "file"), "new");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder / "real"), fs::directory_iterator()), 1);
}

TEST_F(WriteFileTest, SaysWhatThePeerSaysWhenItCannot) {
  const std::string path = (folder / "none" / "svid.pem").string();
  EXPECT_EQ(write_file(path, "x", kPublicMode).message(),
            "open " + path + ": no such file or directory");
  EXPECT_EQ(write_file(folder.string(), "x", kPublicMode).message(),
            "open " + folder.string() + ": is a directory");
}

TEST_F(WriteFileTest, ADeviceIsWrittenInPlace) {
  EXPECT_TRUE(write_file("/dev/null", "x", kPrivateMode).ok());
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
}

TEST(Paths, AreCleaned) {
  EXPECT_EQ(join_path("./x/", "a.pem"), "x/a.pem");
  EXPECT_EQ(join_path("/a/../b", "c"), "/b/c");
  EXPECT_EQ(join_path("", "c"), "c");
  EXPECT_EQ(clean_path("a//b/"), "a/b");
}

}  // namespace
}  // namespace signet::cli
