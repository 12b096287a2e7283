#include "explain/plain.h"

#include <string>

#include <gtest/gtest.h>

#include "signet/utf8.h"

namespace signet::explain {
namespace {

TEST(Plain, Utf8StaysAndOtherBytesAreTold) {
  EXPECT_EQ(utf8("caf\u00e9 \u20ac \U0001F600", 100), "caf\u00e9 \u20ac \U0001F600");
  EXPECT_EQ(utf8("a\xff\xc3", 100), "a\\xff\\xc3");
  EXPECT_EQ(utf8("\xc0\xaf", 100), "\\xc0\\xaf");                     // overlong
  EXPECT_EQ(utf8("\xed\xa0\x80", 100), "\\xed\\xa0\\x80");            // a surrogate
  EXPECT_EQ(utf8("\xf4\x90\x80\x80", 8), "\\xf4\\x90... (4 bytes)");  // beyond Unicode
}

TEST(Plain, KnowsUtf8) {
  EXPECT_TRUE(is_utf8("/srv/caf\u00e9"));
  EXPECT_TRUE(is_utf8(""));
  EXPECT_FALSE(is_utf8("/srv/\xff"));
  EXPECT_FALSE(is_utf8("\xe2\x82"));
}

TEST(Plain, WhatIsLongIsCutBetweenCharacters) {
  EXPECT_EQ(utf8("abcdef", 6), "abcdef");
  EXPECT_EQ(utf8("abcdefg", 6), "abcdef... (7 bytes)");
  EXPECT_EQ(utf8("ab\u20ac", 4), "ab... (5 bytes)");
}

TEST(Plain, WhatATerminalWouldActUponIsTold) {
  EXPECT_EQ(visible("/bin/\x1b[2Ja\nb\x7f"), "/bin/\\x1b[2Ja\\x0ab\\x7f");
  EXPECT_EQ(visible("\u009b31m"), "\\xc2\\x9b31m");
  const std::string right_to_left = {'\xe2', '\x80', '\xae'};
  EXPECT_EQ(visible("a" + right_to_left + "b"), "a\\xe2\\x80\\xaeb");
  EXPECT_EQ(visible("caf\u00e9\u00a0\u20ac"), "caf\u00e9\u00a0\u20ac");
}

}  // namespace
}  // namespace signet::explain
