#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "config/expand_env.h"
#include "support.h"

namespace signet::config {
namespace {

class ReaderFile : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "config-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  std::string write(const std::string& name, std::string_view text) {
    std::ofstream(directory_ / name) << text;
    return directory_ / name;
  }
  std::filesystem::path directory_;
};

TEST(Reader, TellsTheSyntaxByNameThenByFirstCharacter) {
  EXPECT_EQ(guess_syntax("a.yaml", "{}"), Syntax::kYaml);
  EXPECT_EQ(guess_syntax("a.yml", "a = 1"), Syntax::kYaml);
  EXPECT_EQ(guess_syntax("a.json", "a = 1"), Syntax::kJson);
  EXPECT_EQ(guess_syntax("a.conf", " \n\t{ \"a\": 1 }"), Syntax::kJson);
  EXPECT_EQ(guess_syntax("a.conf", "a { }"), Syntax::kHcl);
  EXPECT_EQ(guess_syntax("a.conf", ""), Syntax::kHcl);
}

TEST_F(ReaderFile, ReadsTheSameTreeFromHclJsonAndYaml) {
  const std::string want = R"({"server":{"port":8081,"ids":["a","b"]}})";
  EXPECT_EQ(json_of(load_file(write("a.conf", "server {\n port = 8081\n ids = [\"a\", \"b\"]\n}"),
                              false)),
            want);
  EXPECT_EQ(json_of(load_file(write("a.json", want), false)), want);
  EXPECT_EQ(json_of(load_file(write("b.conf", want), false)), want);
  EXPECT_EQ(json_of(load_file(write("a.yaml", "server:\n  port: 8081\n  ids:\n    - a\n    - b\n"),
                              false)),
            want);
}

TEST_F(ReaderFile, ExpandsTheEnvironmentOnlyWhenAsked) {
  ASSERT_EQ(::setenv("SIGNET_CONFIG_TEST", "v", 1), 0);
  const std::string path = write("a.conf", "a = \"$SIGNET_CONFIG_TEST\"");
  EXPECT_EQ(json_of(load_file(path, true)), R"({"a":"v"})");
  EXPECT_EQ(json_of(load_file(path, false)), R"({"a":"$SIGNET_CONFIG_TEST"})");
}

TEST_F(ReaderFile, SaysWhyAFileCannotBeRead) {
  const std::string missing = directory_ / "none.conf";
  const Status status = load_file(missing, false).status();
  EXPECT_EQ(status.code(), Code::kNotFound);
  EXPECT_EQ(status.message(), "cannot read " + missing + ": No such file or directory");
  EXPECT_EQ(load_file(directory_, false).status().code(), Code::kUnavailable);
  EXPECT_EQ(load_file(write("big.conf", std::string(kMaxBytes + 1, '#')), false).status().code(),
            Code::kResourceExhausted);
}

}  // namespace
}  // namespace signet::config
