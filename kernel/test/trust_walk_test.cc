#include "loader/trust_walk.h"

#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "test_files.h"

namespace signet::kernel {
namespace {

using testing::HasSubstr;

class TrustWalk : public testing::Test {
 protected:
  TrustWalk() { file = dir.write("plugin.so", "x"); }
  std::string message() { return open_trusted_file(file).status().message(); }
  TempDir dir;
  std::string file;
};

TEST_F(TrustWalk, OpensAFileBelowTheStickyTemporaryFolder) {
  const auto fd = open_trusted_file(file);
  ASSERT_TRUE(fd.ok()) << fd.status().message();
  EXPECT_GE(fd->get(), 0);
}

TEST_F(TrustWalk, RefusesAWorldWritableFileAndSaysHowToCureIt) {
  chmod(file.c_str(), 0646);
  EXPECT_THAT(message(), HasSubstr(file + " is world-writable"));
  EXPECT_THAT(message(), HasSubstr("mode 0646"));
  EXPECT_THAT(message(), HasSubstr("cure: chmod go-w " + file));
}

TEST_F(TrustWalk, RefusesAGroupWritableFolder) {
  chmod(dir.path().c_str(), 0775);
  EXPECT_THAT(message(), HasSubstr(dir.path() + " is group-writable"));
  EXPECT_THAT(message(), HasSubstr("chmod g-w " + dir.path()));
}

TEST_F(TrustWalk, RefusesLinksAnywhereInThePath) {
  const std::string link = dir.file("link.so");
  ASSERT_EQ(symlink(file.c_str(), link.c_str()), 0);
  EXPECT_THAT(open_trusted_file(link).status().message(), HasSubstr("is a symbolic link"));
  std::filesystem::create_directory(dir.file("real"));
  ASSERT_EQ(symlink("real", dir.file("folder").c_str()), 0);
  dir.write("real/plugin.so", "x");
  EXPECT_THAT(open_trusted_file(dir.file("folder/plugin.so")).status().message(),
              HasSubstr(dir.file("folder") + " is a symbolic link"));
}

TEST_F(TrustWalk, RefusesSetuidFilesFoldersFifosAndRelativePaths) {
  chmod(file.c_str(), 04755);
  EXPECT_THAT(message(), HasSubstr("setuid"));
  std::filesystem::create_directory(dir.file("folder"));
  EXPECT_THAT(open_trusted_file(dir.file("folder")).status().message(),
              HasSubstr("not a regular file"));
  ASSERT_EQ(mkfifo(dir.file("fifo").c_str(), 0644), 0);
  EXPECT_THAT(open_trusted_file(dir.file("fifo")).status().message(),
              HasSubstr("not a regular file"));
  EXPECT_FALSE(open_trusted_file("plugin.so").ok());
  EXPECT_FALSE(open_trusted_file("").ok());
  EXPECT_FALSE(open_trusted_file(dir.path() + "/../x").ok());
}

TEST_F(TrustWalk, AMissingFileIsNotFound) {
  EXPECT_EQ(open_trusted_file(dir.file("gone.so")).status().code(), Code::kNotFound);
  EXPECT_EQ(open_trusted_file(file + "/below").status().code(), Code::kNotFound);
}

TEST_F(TrustWalk, RefusesAnotherUsersFile) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root to give a file away";
  ASSERT_EQ(chown(file.c_str(), 12345, 0), 0);
  EXPECT_THAT(message(), HasSubstr("belongs to uid 12345"));
}

}  // namespace
}  // namespace signet::kernel
