// FetchJWTSVID and ValidateJWTSVID, beyond the standard's rules.
#include <gtest/gtest.h>

#include "rig.h"

namespace signet::agent::test {
namespace {

using std::chrono::seconds;

TEST(WorkloadJwt, OneTokenThatCannotBeHadFailsTheWholeCall) {
  Rig rig;
  rig.server.add(entry("1", "/one", {"unix:uid:0"}));
  rig.server.add(entry("2", "/two", {"unix:uid:0"}));
  rig.server.refuse_jwt.insert("2");
  rig.start();
  const auto call = rig.fetch_jwt({"a"});
  EXPECT_EQ(call->code(), Code::kUnavailable);
  EXPECT_TRUE(call->words().starts_with("could not fetch JWT-SVID: ")) << call->words();
  EXPECT_EQ(rig.fetch_jwt({"a"}, "spiffe://example.org/one")->code(), Code::kOk);
}

TEST(WorkloadJwt, TokensComeInTheOrderOfTheEntriesWithTheirHints) {
  Rig rig;
  rig.server.add(entry("b", "/second", {"unix:uid:0"})).set_hint("two");
  rig.server.add(entry("a", "/first", {"unix:uid:0"})).set_hint("one");
  rig.start();
  for (int i = 0; i < 2; ++i) {  // from the server, and from the cache
    const auto response = rig.fetch_jwt({"x"})->last<::JWTSVIDResponse>();
    ASSERT_EQ(response.svids_size(), 2);
    EXPECT_EQ(response.svids(0).spiffe_id(), "spiffe://example.org/first");
    EXPECT_EQ(response.svids(0).hint(), "one");
    EXPECT_EQ(response.svids(1).hint(), "two");
  }
  EXPECT_EQ(rig.server.jwts, 2);
}

TEST(WorkloadJwt, NeedsNoX509Svid) {
  Rig rig;
  rig.server.add(entry("1", "/me", {"unix:uid:0"}));
  rig.server.refuse.insert("1");
  rig.start();
  EXPECT_EQ(rig.fetch_jwt({"a"})->code(), Code::kOk);
}

TEST(WorkloadJwt, EntriesForSvidStoresNeverMatch) {
  Rig rig;
  rig.server.add(entry("1", "/me", {"unix:uid:0"})).set_store_svid(true);
  rig.start();
  EXPECT_EQ(rig.fetch_jwt({"a"})->words(), "no identity issued");
  EXPECT_EQ(rig.x509()->words(), "no identity issued");
}

TEST(WorkloadJwt, ACachedTokenIsServedWithoutTheServer) {
  Rig rig;
  rig.server.add(entry("1", "/me", {"unix:uid:0"}));
  rig.start();
  const auto first = rig.fetch_jwt({"a", "b"})->messages();
  rig.server.failure = Status::unavailable("away");
  rig.host.advance(seconds(60));
  EXPECT_EQ(rig.fetch_jwt({"b", "a"})->messages(), first);
  rig.host.advance(seconds(200));  // near its end: the server is asked, and is away
  EXPECT_EQ(rig.fetch_jwt({"a", "b"})->messages(), first);
  rig.host.advance(seconds(60));
  EXPECT_EQ(rig.fetch_jwt({"a", "b"})->code(), Code::kUnavailable);
}

// ---- ValidateJWTSVID

class ForeignTokens : public ::testing::Test {
 protected:
  ForeignTokens() : rig([](AgentConfig& config) { config.allowed_foreign_jwt_claims = {"iat"}; }) {
    rig.server.federate("other.org");
    rig.server.add(entry("1", "/me", {"unix:uid:0"})).add_federates_with("other.org");
  }
  Rig rig;
};

TEST_F(ForeignTokens, AreValidWithAFederatedBundleAndShowFewClaims) {
  rig.start();
  const auto call = rig.validate("a", rig.server.token("spiffe://other.org/x", {"a", "b"}));
  ASSERT_EQ(call->code(), Code::kOk) << call->words();
  const auto response = call->last<::ValidateJWTSVIDResponse>();
  EXPECT_EQ(response.spiffe_id(), "spiffe://other.org/x");
  std::set<std::string> claims;
  for (const auto& [name, value] : response.claims().fields()) claims.insert(name);
  EXPECT_EQ(claims, (std::set<std::string>{"aud", "exp", "iat", "sub"}));
  EXPECT_EQ(response.claims().fields().at("aud").list_value().values_size(), 2);
  EXPECT_EQ(response.claims().fields().at("exp").kind_case(),
            google::protobuf::Value::kNumberValue);
}

TEST_F(ForeignTokens, LoseTheClaimsThatAreNotAllowed) {
  rig.config.allowed_foreign_jwt_claims.clear();
  rig.start();
  const auto foreign = rig.validate("a", rig.server.token("spiffe://other.org/x", {"a"}));
  EXPECT_EQ(foreign->last<::ValidateJWTSVIDResponse>().claims().fields().count("iat"), 0u);
  const auto own = rig.validate("a", rig.server.token("spiffe://example.org/x", {"a"}));
  EXPECT_EQ(own->last<::ValidateJWTSVIDResponse>().claims().fields().count("iat"), 1u);
}

TEST_F(ForeignTokens, AreUnknownToACallerThatIsNotFederated) {
  rig.start();
  rig.host.selectors = std::vector<std::string>{"uid:7"};
  const auto call = rig.validate("a", rig.server.token("spiffe://other.org/x", {"a"}));
  EXPECT_EQ(call->code(), Code::kInvalidArgument);
  EXPECT_EQ(call->words(), "no keys found for trust domain \"other.org\"");
}

TEST(WorkloadJwt, ABadTokenIsInvalidArgumentWithTheReason) {
  Rig rig;
  rig.server.add(entry("1", "/me", {"unix:uid:0"}));
  rig.start();
  const std::string token = rig.server.token("spiffe://example.org/x", {"a"});
  const auto wrong_audience = rig.validate("b", token);
  EXPECT_EQ(wrong_audience->code(), Code::kInvalidArgument);
  EXPECT_NE(wrong_audience->words().find("expected audience in [\"b\"]"), std::string::npos)
      << wrong_audience->words();
  EXPECT_EQ(rig.validate("a", "garbage")->code(), Code::kInvalidArgument);
  rig.host.advance(seconds(300 + 59));
  EXPECT_EQ(rig.validate("a", token)->code(), Code::kOk);  // within the leeway
  rig.host.advance(seconds(2));
  EXPECT_EQ(rig.validate("a", token)->words(), "token has expired");
  rig.server.own.mutable_jwt_authorities(0)->set_key_id("another");
  rig.tick();
  EXPECT_EQ(rig.validate("a", rig.server.token("spiffe://example.org/x", {"a"}))->words(),
            "public key \"kid-1\" not found in trust domain \"example.org\"");
}

TEST(WorkloadJwt, TheWitProfileIsRefusedInItsOwnWords) {
  Rig rig;
  rig.start();
  EXPECT_EQ(rig.call("FetchWITSVID")->words(), "fetching WIT-SVIDs is not implemented");
  EXPECT_EQ(rig.call("FetchWITBundles")->words(), "fetching WIT bundles is not implemented");
}

}  // namespace
}  // namespace signet::agent::test
