#include "http/url.h"

#include <gtest/gtest.h>

namespace signet::http {
namespace {

std::string rule(std::string_view url) {
  const Status status = check_https_url(url);
  return status.ok() ? "" : status.fields().front().second;
}

TEST(HttpsUrl, TakesHostsAddressesPortsAndPaths) {
  for (const char* url :
       {"https://example.org", "https://example.org/", "HTTPS://Example.org:8443/a/b?c=d#e",
        "https://192.0.2.1:1/x", "https://[2001:db8::1]:8443/", "https://[::ffff:192.0.2.1]",
        "https://under_score.example/", "https://example.org:", "https://x?a@b"}) {
    EXPECT_EQ(rule(url), "") << url;
  }
}

TEST(HttpsUrl, NamesTheRuleThatIsBroken) {
  EXPECT_EQ(rule(""), "scheme");
  EXPECT_EQ(rule("http://example.org"), "scheme");
  EXPECT_EQ(rule("ftp://example.org"), "scheme");
  EXPECT_EQ(rule("example.org"), "scheme");
  EXPECT_EQ(rule("https:"), "host");
  EXPECT_EQ(rule("https:example.org"), "host");
  EXPECT_EQ(rule("https://"), "host");
  EXPECT_EQ(rule("https:///path"), "host");
  EXPECT_EQ(rule("https://user@"), "host");
  EXPECT_EQ(rule("https://user@example.org"), "user");
  EXPECT_EQ(rule("https://user:pass@example.org/"), "user");
  EXPECT_EQ(rule("https://@example.org/"), "user");
}

// What one reader of URLs takes for the host and another for the user must not pass.
TEST(HttpsUrl, RefusesWhatReadersDisagreeOn) {
  for (const char* url :
       {"https://a b/", "https://a\\@b/", "https://a%2fb/", "https://a\tb", "https://a\nb/",
        "https://x:abc/", "https://x:70000/", "https://x:1:2/", "https://[::1/", "https://[::1]x/",
        "https://[zz]/", "https://h\xc3\xb6st/", "https://example.org/a b",
        "https://example.org/\\"}) {
    EXPECT_EQ(rule(url), "syntax") << url;
  }
  EXPECT_EQ(rule("https://example.org/" + std::string(kMaxUrlBytes, 'a')), "syntax");
}

}  // namespace
}  // namespace signet::http
