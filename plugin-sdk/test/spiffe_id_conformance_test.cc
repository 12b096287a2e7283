// Conformance with SPIFFE-ID.md, rule by rule; the numbers are those of the project's list of the
// standard's rules (1-13: SPIFFE IDs).
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "signet/spiffe_id.h"

namespace signet {
namespace {

// The rule that `uri` breaks, or "" when it is accepted and prints back byte for byte.
std::string broken_rule(const std::string& uri) {
  const auto id = SpiffeId::parse(uri);
  if (id.ok()) return id->to_string() == uri ? "" : "does not print back";
  if (id.status().code() != Code::kInvalidArgument) return "wrong code";
  for (const auto& [key, value] : id.status().fields()) {
    if (key == "rule") return value;
  }
  return "no rule named";
}

void expect_accepted(const std::vector<std::string>& uris) {
  for (const std::string& uri : uris) EXPECT_EQ(broken_rule(uri), "") << uri;
}
void expect_broken(const char* rule, const std::vector<std::string>& uris) {
  for (const std::string& uri : uris) EXPECT_EQ(broken_rule(uri), rule) << uri;
}

std::string path_of_length(std::size_t n) { return "/" + std::string(n - 1, 'a'); }

TEST(Conformance, Rule1_TheSchemeIsSpiffeAndThereIsNoQueryOrFragment) {
  expect_accepted({"spiffe://td/a"});
  expect_broken("empty", {""});
  expect_broken("scheme", {"http://td/a", "spiff://td/a", "spiffes://td/a", "spiffe:/td/a",
                           "spiffe:td", "://td/a", "//td/a", "td/a", "/a", " spiffe://td/a",
                           "spiffe", "spiffe:", "spiffe:/"});
  expect_broken("path_char", {"spiffe://td/a?q=1", "spiffe://td/a?", "spiffe://td/a#f",
                              "spiffe://td/a#", "spiffe://td/a;p"});
  expect_broken("trust_domain_char", {"spiffe://td?q", "spiffe://td#f"});
}

TEST(Conformance, Rule2_TheTrustDomainIsNotEmpty) {
  expect_broken("trust_domain_empty", {"spiffe://", "spiffe:///", "spiffe:///a"});
  EXPECT_FALSE(TrustDomain::parse("").ok());
}

TEST(Conformance, Rule3_TheAuthorityHasNoUserInfoAndNoPort) {
  expect_broken("trust_domain_char",
                {"spiffe://user@td/a", "spiffe://user:pw@td/a", "spiffe://@td/a",
                 "spiffe://td:80/a", "spiffe://td:/a", "spiffe://td:80"});
}

TEST(Conformance, Rule4_TheTrustDomainHasLowerCaseLettersDigitsDotsDashesAndUnderscores) {
  for (int c = 0; c < 256; ++c) {
    if (c == '/') continue;  // the path begins
    const std::string uri = std::string("spiffe://t") + static_cast<char>(c) + "d/a";
    const bool good =
        (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
    EXPECT_EQ(broken_rule(uri), good ? "" : "trust_domain_char") << c;
  }
  expect_broken("trust_domain_char", {"spiffe://TD/a", "spiffe://Example.org"});
  expect_broken("scheme", {"SPIFFE://td/a", "Spiffe://td/a"});
}

TEST(Conformance, Rule5_NothingIsPercentEncoded) {
  expect_broken("trust_domain_char", {"spiffe://t%64/a", "spiffe://%74d/a"});
  expect_broken("path_char", {"spiffe://td/%61", "spiffe://td/a%2fb", "spiffe://td/%2e%2e",
                              "spiffe://td/%", "spiffe://td/a%00"});
}

TEST(Conformance, Rule6_NamesThatLookLikeAddressesAreNamesAndIpv6LiteralsAreNot) {
  expect_accepted({"spiffe://127.0.0.1/a", "spiffe://1.2.3.4", "spiffe://999.999.999.999/a",
                   "spiffe://1.2.3.4.5/a", "spiffe://0/a", "spiffe://localhost/a",
                   "spiffe://a..b/c", "spiffe://-a-/c", "spiffe://_spiffe._tcp/c"});
  expect_broken("trust_domain_char", {"spiffe://[::1]/a", "spiffe://::1/a", "spiffe://[fe80::1]"});
}

TEST(Conformance, Rule7_ThePathIsEmptyOrBeginsWithASlash) {
  const auto bare = SpiffeId::parse("spiffe://td");
  ASSERT_TRUE(bare.ok());
  EXPECT_EQ(bare->path(), "");
  EXPECT_EQ(SpiffeId::parse("spiffe://td/a")->path(), "/a");
  const TrustDomain td = TrustDomain::parse("td").value();
  EXPECT_TRUE(SpiffeId::make(td, "").ok());
  EXPECT_FALSE(SpiffeId::make(td, "a").ok());
  EXPECT_FALSE(SpiffeId::make(td, "a/b").ok());
}

TEST(Conformance, Rule8_NoSegmentIsEmptyOrADot) {
  expect_broken("empty_segment",
                {"spiffe://td//", "spiffe://td//a", "spiffe://td/a//b", "spiffe://td/a///b"});
  expect_broken("dot_segment", {"spiffe://td/.", "spiffe://td/..", "spiffe://td/./a",
                                "spiffe://td/a/.", "spiffe://td/a/../b", "spiffe://td/a/.."});
  expect_accepted({"spiffe://td/...", "spiffe://td/.a", "spiffe://td/a.", "spiffe://td/a/..b",
                   "spiffe://td/a..b/c"});
}

TEST(Conformance, Rule9_ThereIsNoTrailingSlash) {
  expect_broken("trailing_slash", {"spiffe://td/", "spiffe://td/a/", "spiffe://td/a/b/"});
}

TEST(Conformance, Rule10_PathsHaveLettersDigitsDotsDashesAndUnderscoresAndCaseCounts) {
  for (int c = 0; c < 256; ++c) {
    if (c == '/') continue;
    const std::string uri = std::string("spiffe://td/a") + static_cast<char>(c) + "b";
    const bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '.' || c == '-' || c == '_';
    EXPECT_EQ(broken_rule(uri), good ? "" : "path_char") << c;
  }
  EXPECT_NE(SpiffeId::parse("spiffe://td/A").value(), SpiffeId::parse("spiffe://td/a").value());
  EXPECT_EQ(SpiffeId::parse("spiffe://td/a").value(), SpiffeId::parse("spiffe://td/a").value());
}

TEST(Conformance, Rule11_AnIdHas2048BytesAtMostAndATrustDomain255) {
  const std::string td = "spiffe://td";
  expect_accepted({td + path_of_length(2048 - td.size())});
  expect_broken("length", {td + path_of_length(2049 - td.size()), td + path_of_length(1 << 20)});
  const std::string longest(255, 'd');
  expect_accepted({"spiffe://" + longest, "spiffe://" + longest + "/a",
                   "spiffe://" + longest + path_of_length(2048 - 9 - 255)});
  expect_broken("trust_domain_length",
                {"spiffe://" + longest + "d", "spiffe://" + longest + "d/a"});
  expect_broken("length", {"spiffe://" + longest + path_of_length(2049 - 9 - 255)});
  EXPECT_TRUE(TrustDomain::parse(longest).ok());
  EXPECT_FALSE(TrustDomain::parse(longest + "d").ok());
  const TrustDomain domain = TrustDomain::parse("td").value();
  EXPECT_TRUE(SpiffeId::make(domain, path_of_length(2048 - td.size())).ok());
  EXPECT_FALSE(SpiffeId::make(domain, path_of_length(2049 - td.size())).ok());
}

// What an agent needs so that it can skip the one entry and say why.
TEST(Conformance, Rule12_ARefusalIsAnErrorThatNamesTheRule) {
  const auto refused = SpiffeId::parse("spiffe://td/a b");
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.status().code(), Code::kInvalidArgument);
  EXPECT_EQ(refused.status().fields(), (Status::Fields{{"rule", "path_char"}}));
  EXPECT_FALSE(refused.status().message().empty());
  expect_broken("path_char", {std::string("spiffe://td/a\0b", 15), "spiffe://td/\xc3\xa9",
                              "spiffe://td/a\n", "spiffe://td/\xff"});
}

TEST(Conformance, Rule13_TheServersAndAgentsOwnPathsAreOrdinaryIds) {
  const TrustDomain td = TrustDomain::parse("example.org").value();
  EXPECT_EQ(SpiffeId::make(td, "/spire/server")->to_string(), "spiffe://example.org/spire/server");
  const auto agent = SpiffeId::parse("spiffe://example.org/spire/agent/join_token/0a-1b");
  ASSERT_TRUE(agent.ok());
  EXPECT_TRUE(agent->path().starts_with("/spire/agent/"));
  EXPECT_TRUE(agent->member_of(td));
}

// -- what the classes promise besides

TEST(SpiffeId, GivesItsParts) {
  const SpiffeId id = SpiffeId::parse("spiffe://example.org/ns/shop/sa/cart").value();
  EXPECT_EQ(id.trust_domain_name(), "example.org");
  EXPECT_EQ(id.trust_domain().name(), "example.org");
  EXPECT_EQ(id.trust_domain().id_string(), "spiffe://example.org");
  EXPECT_EQ(id.path(), "/ns/shop/sa/cart");
}

TEST(SpiffeId, IsMemberOfItsOwnTrustDomainOnly) {
  const SpiffeId id = SpiffeId::parse("spiffe://example.org/a").value();
  EXPECT_TRUE(id.member_of(TrustDomain::parse("example.org").value()));
  for (const char* other : {"example.or", "example.org.", "example.orgg", "xample.org"}) {
    EXPECT_FALSE(id.member_of(TrustDomain::parse(other).value())) << other;
  }
}

TEST(SpiffeId, OrdersByItsText) {
  EXPECT_LT(SpiffeId::parse("spiffe://a/b").value(), SpiffeId::parse("spiffe://a/c").value());
  EXPECT_LT(SpiffeId::parse("spiffe://a").value(), SpiffeId::parse("spiffe://a/b").value());
}

TEST(TrustDomain, IsReadFromANameOrFromAnyIdInIt) {
  EXPECT_EQ(TrustDomain::parse_name_or_id("example.org")->name(), "example.org");
  EXPECT_EQ(TrustDomain::parse_name_or_id("spiffe://example.org")->name(), "example.org");
  EXPECT_EQ(TrustDomain::parse_name_or_id("spiffe://example.org/a/b")->name(), "example.org");
  for (const char* bad : {"", "http://example.org", "spiffe://", "spiffe://example.org/",
                          "example.org/a", "example.org:80", "spiffe:/example.org"}) {
    EXPECT_FALSE(TrustDomain::parse_name_or_id(bad).ok()) << bad;
  }
}

}  // namespace
}  // namespace signet
