#include "spire_import/spire_settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace signet::server {
namespace {

using ::testing::HasSubstr;

std::string settings(const std::string& plugins,
                     const std::string& server = R"({"trust_domain":"example.org"})") {
  return R"({"blocks":{"server":)" + server + R"(},"plugins":[)" + plugins + "]}";
}
constexpr const char* kSql =
    R"({"type":"DataStore","name":"sql","data":{"database_type":"sqlite3"}})";

TEST(SpireSettings, TakesWhatIsNeeded) {
  const auto read = SpireSettings::from_json(settings(
      std::string(kSql) + R"(,{"type":"KeyManager","name":"disk","data":{"Keys_Path":"k.json"}})"));
  ASSERT_TRUE(read) << read.status().to_string();
  EXPECT_EQ(read->trust_domain.name(), "example.org");
  EXPECT_EQ(read->datastore, R"({"database_type":"sqlite3"})");
  EXPECT_EQ(read->keys_path, "k.json");
}

TEST(SpireSettings, SaysWhatIsMissing) {
  const auto problem = [](const std::string& text) {
    return SpireSettings::from_json(text).status().message();
  };
  EXPECT_THAT(problem(R"({"blocks":{},"plugins":[]})"), HasSubstr("no server block"));
  EXPECT_THAT(problem(settings("", "{}")), HasSubstr("server.trust_domain"));
  EXPECT_THAT(problem(settings("")), HasSubstr("no DataStore \"sql\" block"));
  EXPECT_THAT(problem(settings(kSql)), HasSubstr("no KeyManager block"));
  const std::string sql = std::string(kSql) + ",";
  EXPECT_THAT(problem(settings(sql + R"({"type":"KeyManager","name":"disk","data":{}})")),
              HasSubstr("no keys_path"));
  EXPECT_THAT(problem(settings(sql + R"({"type":"KeyManager","name":"aws_kms","data":{}})")),
              HasSubstr("KeyManager \"aws_kms\", which Signet has not"));
  EXPECT_TRUE(SpireSettings::from_json(
      settings(sql + R"({"type":"KeyManager","name":"memory","data":{}})")));
}

}  // namespace
}  // namespace signet::server
