#include "x509/dns_name.h"

#include <gtest/gtest.h>

#include "pki.h"

namespace signet::x509::test {
namespace {

// The peer's verdicts, but for names with characters that no host name has: it lets those through.
TEST(DnsName, JudgesAsSpireDoesButRefusesForeignCharacters) {
  for (const auto& [name, accepted] : spire()["dns_names"].items()) {
    const bool host_characters =
        name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.*",
                               0) == std::string::npos &&
        name.find('\0') == std::string::npos;
    EXPECT_EQ(check_dns_name(name).ok(), accepted.get<bool>() && host_characters) << name;
  }
}

TEST(DnsName, FindsAWildcardThatCoversAnotherName) {
  const std::vector<std::string> overlap = {"*.example.org", "a.example.org"};
  EXPECT_EQ(check_wildcard_overlap(overlap).message(),
            "name \"a.example.org\" overlaps with an existing wildcard name in the list: wildcard "
            "overlap");
  const std::vector<std::string> apart = {"*.example.org", "a.b.example.org", "example.org"};
  EXPECT_TRUE(check_wildcard_overlap(apart).ok());
}

}  // namespace
}  // namespace signet::x509::test
