// signet/duration.h of the plugin SDK, whose heaviest user is the schema checker.
#include "signet/duration.h"

#include <limits>

#include <gtest/gtest.h>

namespace signet {
namespace {

using std::chrono::nanoseconds;
constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();

// Expected values as Go's time.ParseDuration gives them.
TEST(GoDuration, ParsesWhatGoParses) {
  const struct {
    std::string_view text;
    std::int64_t want;
  } kCases[] = {
      {"0", 0},
      {"+0", 0},
      {"0s", 0},
      {"5s", 5 * kSecond},
      {"-5s", -5 * kSecond},
      {"+5.5s", 5'500'000'000},
      {"1h30m", 5400 * kSecond},
      {"500ms", 500'000'000},
      {"1.5h", 5400 * kSecond},
      {"12ns", 12},
      {"3us", 3'000},
      {"3\xC2\xB5s", 3'000},
      {"3\xCE\xBCs", 3'000},
      {".5s", 500'000'000},
      {"5.s", 5 * kSecond},
      {"1h2m3s4ms5us6ns", 3723'004'005'006},
      {"52763797000ns", 52763797000},
      {"0.3333333333333333333h", 1200 * kSecond},
      {"0.830103483285477580700h", 2988372539827},
      {"39h9m14.425s", 140954'425'000'000},
      {"9007199254740993ns", 9007199254740993},
      {"9223372036854775807ns", kMax},
      {"9223372036.854775807s", kMax},
      {"-9223372036854775808ns", kMin},
      {"-9223372036.854775808s", kMin},
      {"0.100000000000000000000h", 360 * kSecond},
  };
  for (const auto& c : kCases) {
    const auto got = parse_go_duration(c.text);
    ASSERT_TRUE(got.ok()) << c.text;
    EXPECT_EQ(got->count(), c.want) << c.text;
  }
}

TEST(GoDuration, RefusesWhatGoRefuses) {
  for (std::string_view text : {"",
                                "3",
                                "-",
                                "s",
                                ".",
                                "-.",
                                ".s",
                                "+.s",
                                "1d",
                                "1 s",
                                " 1s",
                                "1s ",
                                "1hour",
                                "1sx",
                                "1x",
                                "--1s",
                                "1.1.1s",
                                "1e3s",
                                "0x1s",
                                "9223372036854775808ns",
                                "9223372036854775.808us",
                                "-9223372036854775809ns",
                                "9223372036854ms775us808ns",
                                "3000000h",
                                "99999999999999999999s",
                                "1\xC2s"}) {
    EXPECT_FALSE(parse_go_duration(text).ok()) << text;
  }
  EXPECT_EQ(parse_go_duration("1d").status().message(), "invalid duration \"1d\"");
}

TEST(GoDuration, FormatsAsGoDoes) {
  const struct {
    std::int64_t count;
    std::string_view want;
  } kCases[] = {
      {0, "0s"},
      {1, "1ns"},
      {999, "999ns"},
      {1'100, "1.1\xC2\xB5s"},
      {2'200'000, "2.2ms"},
      {500'000'000, "500ms"},
      {3'300'000'000, "3.3s"},
      {60 * kSecond, "1m0s"},
      {(5 * 60 + 5) * kSecond + 1'000'000, "5m5.001s"},
      {24 * 3600 * kSecond, "24h0m0s"},
      {5400 * kSecond, "1h30m0s"},
      {-5 * kSecond, "-5s"},
      {-1, "-1ns"},
      {kMax, "2562047h47m16.854775807s"},
      {kMin, "-2562047h47m16.854775808s"},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(format_go_duration(nanoseconds(c.count)), c.want);
    EXPECT_EQ(parse_go_duration(format_go_duration(nanoseconds(c.count)))->count(), c.count);
  }
}

}  // namespace
}  // namespace signet
