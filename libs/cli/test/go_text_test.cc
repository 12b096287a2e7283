#include "cli/go_text.h"

#include <cerrno>
#include <cstdlib>
#include <ctime>

#include <gtest/gtest.h>

namespace signet::cli {
namespace {

using namespace std::chrono_literals;

TEST(GoQuote, EscapesWhatGoEscapes) {
  EXPECT_EQ(go_quote(""), "\"\"");
  EXPECT_EQ(go_quote("a \"b\" \\ c"), R"("a \"b\" \\ c")");
  EXPECT_EQ(go_quote("\a\b\f\n\r\t\v"), R"("\a\b\f\n\r\t\v")");
  EXPECT_EQ(go_quote(std::string_view("\0\x1f\x7f", 3)), R"("\x00\x1f\x7f")");
  EXPECT_EQ(go_quote("gr\xc3\xbc\xc3\x9f"), "\"gr\xc3\xbc\xc3\x9f\"");
  EXPECT_EQ(go_quote("\xff\xc3"), R"("\xff\xc3")");
}

TEST(GoParseInt, ReadsEveryBaseOfGo) {
  EXPECT_EQ(*go_parse_int("0"), 0);
  EXPECT_EQ(*go_parse_int("-12"), -12);
  EXPECT_EQ(*go_parse_int("+12"), 12);
  EXPECT_EQ(*go_parse_int("0x1F"), 31);
  EXPECT_EQ(*go_parse_int("0b101"), 5);
  EXPECT_EQ(*go_parse_int("0o17"), 15);
  EXPECT_EQ(*go_parse_int("017"), 15);
  EXPECT_EQ(*go_parse_int("0x_1_f"), 31);
  EXPECT_EQ(*go_parse_int("1_000"), 1000);
  EXPECT_EQ(*go_parse_int("9223372036854775807"), INT64_MAX);
  EXPECT_EQ(*go_parse_int("-9223372036854775808"), INT64_MIN);
}

TEST(GoParseInt, RefusesTheRestWithGosTwoWords) {
  for (const char* bad :
       {"", "-", "abc", "09", "0x", "1.5", "1e3", " 1", "0x__1", "0x1_", "_1", "1__0", "--1"})
    EXPECT_EQ(go_parse_int(bad).status().message(), "parse error") << bad;
  for (const char* big : {"9223372036854775808", "-9223372036854775809", "0xffffffffffffffffff"})
    EXPECT_EQ(go_parse_int(big).status().message(), "value out of range") << big;
}

TEST(GoParseDuration, NamesTheError) {
  EXPECT_EQ(*go_parse_duration("1m30s"), 90s);
  EXPECT_EQ(go_parse_duration("nonsense").status().message(),
            "time: invalid duration \"nonsense\"");
  EXPECT_EQ(go_parse_duration("5").status().message(), "time: missing unit in duration \"5\"");
  EXPECT_EQ(go_parse_duration("5x").status().message(),
            "time: unknown unit \"x\" in duration \"5x\"");
  EXPECT_EQ(go_parse_duration("1h5x").status().message(),
            "time: unknown unit \"x\" in duration \"1h5x\"");
  EXPECT_EQ(go_parse_duration(".5.5s").status().message(),
            "time: missing unit in duration \".5.5s\"");
  EXPECT_EQ(go_parse_duration("1s.s").status().message(), "time: invalid duration \"1s.s\"");
  EXPECT_EQ(go_parse_duration("9999999h").status().message(),
            "time: invalid duration \"9999999h\"");
  EXPECT_EQ(go_parse_duration("").status().message(), "time: invalid duration \"\"");
}

TEST(Seconds, AreRoundedUpAndMustFit) {
  EXPECT_EQ(*to_seconds32(0s), 0);
  EXPECT_EQ(*to_seconds32(1ms), 1);
  EXPECT_EQ(*to_seconds32(2s), 2);
  EXPECT_EQ(*to_seconds32(-5s), -4) << "as the peer's arithmetic has it";
  EXPECT_EQ(to_seconds32(1000000h).status().message(),
            "overflow converting time.Duration(3.6s) to int32");
  EXPECT_EQ(to_int32(5000000000).status().message(),
            "overflow converting int(5000000000) to int32");
}

TEST(Times, AreWrittenAsGoWritesThem) {
  EXPECT_EQ(go_time_utc(4102444800), "2100-01-01 00:00:00 +0000 UTC");
  EXPECT_EQ(rfc3339_utc(4102444800), "2100-01-01T00:00:00Z");
  setenv("TZ", "EST5EDT", 1);
  tzset();
  EXPECT_EQ(go_time_local(4102444800), "2099-12-31 19:00:00 -0500 EST");
  setenv("TZ", "UTC", 1);
  tzset();
  EXPECT_EQ(go_time_local(0), "1970-01-01 00:00:00 +0000 UTC");
}

TEST(AgentDate, TakesThePeersLayoutOnly) {
  EXPECT_TRUE(check_agent_date("2000-01-01 00:00:00 -0700 -07").ok());
  EXPECT_TRUE(check_agent_date("2000-01-01 00:00:00 +0000 +00").ok());
  EXPECT_TRUE(check_agent_date("2000-01-01  00:00:00.5 -0700 -07").ok());
  EXPECT_EQ(check_agent_date("2000-02-30 00:00:00 -0700 -07").message(),
            "parsing time \"2000-02-30 00:00:00 -0700 -07\": day out of range");
  EXPECT_EQ(check_agent_date("2000-01-01 00:00:00 +9900 +99").message(),
            "parsing time \"2000-01-01 00:00:00 +9900 +99\": time zone offset hour out of range");
  constexpr const char* kAs = "\" as \"2006-01-02 15:04:05 -0700 -07\": cannot parse \"";
  EXPECT_EQ(check_agent_date("soon").message(),
            std::string("parsing time \"soon") + kAs + "soon\" as \"2006\"");
  EXPECT_EQ(check_agent_date("2000-01-01").message(),
            std::string("parsing time \"2000-01-01") + kAs + "\" as \"15\"");
  EXPECT_EQ(check_agent_date("2000-13-01 00:00:00 -0700 -07").message(),
            "parsing time \"2000-13-01 00:00:00 -0700 -07\": month out of range");
  EXPECT_EQ(check_agent_date("2000-01-01 00:00:00 -0700 -07 x").message(),
            "parsing time \"2000-01-01 00:00:00 -0700 -07 x\": extra text: \" x\"");
}

TEST(Names, AreGos) {
  EXPECT_EQ(go_code_name(0), "OK");
  EXPECT_EQ(go_code_name(3), "InvalidArgument");
  EXPECT_EQ(go_code_name(99), "Code(99)");
  EXPECT_EQ(go_errno(ENOENT), "no such file or directory");
  EXPECT_EQ(counted(1, "entry", "entries"), "1 entry");
  EXPECT_EQ(counted(0, "entry", "entries"), "0 entries");
}

}  // namespace
}  // namespace signet::cli
