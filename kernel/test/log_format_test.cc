#include "log/log_format.h"

#include <gtest/gtest.h>

#include "log/log_output.h"
#include "test_files.h"

namespace signet::kernel {
namespace {

constexpr std::int64_t kNewYear = 1'767'229'200'000'000'000;  // 2026-01-01T01:00:00Z

TEST(LogFormat, TextSortsFieldsAndQuotesWhatNeedsIt) {
  EXPECT_EQ(format_text(kNewYear, SIGNET_LOG_INFO, "Item was signed",
                        {{"target", "item://td/a b"},
                         {"count", {}, 3, SIGNET_FIELD_NUMBER},
                         {"plain", "a/b-c.d_e@f^g+h"}}),
            "time=\"2026-01-01T01:00:00Z\" level=info msg=\"Item was signed\" count=3 "
            "plain=a/b-c.d_e@f^g+h "
            "target=\"item://td/a b\"");
}

TEST(LogFormat, TextKeepsARecordOnOneLine) {
  EXPECT_EQ(format_text(kNewYear, SIGNET_LOG_WARN, "a\nb\"c\\\x01", {}),
            "time=\"2026-01-01T01:00:00Z\" level=warning msg=\"a\\nb\\\"c\\\\\\x01\"");
}

TEST(LogFormat, JsonHasTheSameNames) {
  EXPECT_EQ(
      format_json(kNewYear, SIGNET_LOG_ERROR, "Failed",
                  {{"took", {}, 1'500'000'000, SIGNET_FIELD_DURATION_NS},
                   {"level", "x"},
                   {"not_after", {}, 0, SIGNET_FIELD_TIME_S}}),
      R"({"fields.level":"x","level":"error","msg":"Failed","not_after":"1970-01-01T00:00:00Z","time":"2026-01-01T01:00:00Z","took":1500000000})");
}

TEST(LogFormat, DurationsAndTimesAreReadable) {
  EXPECT_EQ(
      format_text(kNewYear, SIGNET_LOG_DEBUG, "x",
                  {{"ttl", {}, 90'000'000'000, SIGNET_FIELD_DURATION_NS},
                   {"at", {}, 1'767'229'200, SIGNET_FIELD_TIME_S}}),
      "time=\"2026-01-01T01:00:00Z\" level=debug msg=x at=\"2026-01-01T01:00:00Z\" ttl=1m30s");
}

TEST(LogFormat, OfTwoFieldsWithOneKeyTheLaterWins) {
  EXPECT_EQ(format_text(kNewYear, SIGNET_LOG_INFO, "x", {{"k", "1"}, {"k", "2"}}),
            "time=\"2026-01-01T01:00:00Z\" level=info msg=x k=2");
}

TEST(LogFormat, BytesThatAreNotUtf8DoNotBreakJson) {
  EXPECT_NE(format_json(kNewYear, SIGNET_LOG_INFO, "\xff", {}).find("\"msg\""), std::string::npos);
}

TEST(LogLevel, NamesAreReadInAnyCase) {
  EXPECT_EQ(parse_level("WARN"), SIGNET_LOG_WARN);
  EXPECT_EQ(parse_level("Warning"), SIGNET_LOG_WARN);
  EXPECT_EQ(parse_level("trace"), SIGNET_LOG_TRACE);
  EXPECT_EQ(parse_level("loud"), std::nullopt);
}

TEST(LogOutput, AppendsToItsFileAndReopensIt) {
  const TempDir dir;
  LogOutput log(LogOutput::Stream::kStderr, SIGNET_LOG_INFO);
  ASSERT_TRUE(log.set_file(dir.file("log")).ok());
  log.write(SIGNET_LOG_INFO, "first", {});
  std::filesystem::rename(dir.file("log"), dir.file("old"));
  log.write(SIGNET_LOG_INFO, "second", {});
  ASSERT_TRUE(log.reopen().ok());
  log.write(SIGNET_LOG_INFO, "third", {});
  EXPECT_NE(read_text(dir.file("old")).find("second\n"), std::string::npos);
  EXPECT_EQ(read_text(dir.file("log")).find("second"), std::string::npos);
  EXPECT_NE(read_text(dir.file("log")).find("third\n"), std::string::npos);
  EXPECT_FALSE(log.set_file(dir.file("no/such/folder")).ok());
}

TEST(LogOutput, ResetsToTheLevelOfTheConfiguration) {
  LogOutput log(LogOutput::Stream::kStderr, SIGNET_LOG_INFO);
  log.set_launch_level(SIGNET_LOG_WARN);
  log.set_level(SIGNET_LOG_TRACE);
  EXPECT_TRUE(log.enabled(SIGNET_LOG_TRACE));
  log.reset_level();
  EXPECT_FALSE(log.enabled(SIGNET_LOG_INFO));
}

}  // namespace
}  // namespace signet::kernel
