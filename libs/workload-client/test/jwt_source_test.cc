#include "workload_client/jwt_source.h"

#include <gtest/gtest.h>

#include "fake_transport.h"
#include "test_authority.h"

namespace signet::workload_client {
namespace {

using std::chrono::seconds;
using testing::FakeTransport;
using testing::TestAuthority;

void add(::JWTSVIDResponse& response, const std::string& id, const std::string& token,
         const std::string& hint = "") {
  auto* svid = response.add_svids();
  svid->set_spiffe_id(id);
  svid->set_svid(token);
  svid->set_hint(hint);
}

class JwtSourceTest : public ::testing::Test {
 protected:
  JwtSourceTest() {
    transport.answer = [this](const std::string& method,
                              const std::string& request) -> Result<std::string> {
      EXPECT_EQ(method, "/SpiffeWorkloadAPI/FetchJWTSVID");
      EXPECT_TRUE(asked.ParseFromString(request));
      return response.SerializeAsString();
    };
  }
  void have_bundles() {
    ::JWTBundlesResponse bundles;
    (*bundles.mutable_bundles())["spiffe://a.org"] = authority.jwks();
    transport.wait_opened(1);
    transport.send(bundles.SerializeAsString());
  }

  const TestAuthority authority{"a.org"};
  FakeTransport transport;
  ::JWTSVIDRequest asked;
  ::JWTSVIDResponse response;
  JwtSource source{transport};
};

TEST_F(JwtSourceTest, FetchesATokenAndSaysWhoseItIsForWhomAndUntilWhen) {
  add(response, "spiffe://a.org/x", authority.token("/x", "db"));
  const auto svid = source.fetch_svid({"db", "cache"}, "spiffe://a.org/x");
  ASSERT_TRUE(svid) << svid.status().to_string();
  EXPECT_EQ(asked.audience_size(), 2);
  EXPECT_EQ(asked.spiffe_id(), "spiffe://a.org/x");
  EXPECT_EQ(svid->spiffe_id.to_string(), "spiffe://a.org/x");
  EXPECT_EQ(svid->token, response.svids(0).svid());
  EXPECT_EQ(svid->audience, std::vector<std::string>{"db"});
  EXPECT_GT(svid->expires_at, testing::now() + seconds(3000));
}

TEST_F(JwtSourceTest, OfEqualHintsTheFirstIsTaken) {
  add(response, "spiffe://a.org/1", authority.token("/1", "db"), "h");
  add(response, "spiffe://a.org/2", authority.token("/2", "db"), "h");
  add(response, "spiffe://a.org/3", authority.token("/3", "db"));
  add(response, "spiffe://a.org/4", authority.token("/4", "db"));
  const auto all = fetch_jwt_svids(transport, {"db"}, "", seconds(1));
  ASSERT_TRUE(all);
  ASSERT_EQ(all->size(), 3U);
  EXPECT_EQ((*all)[0].spiffe_id.path(), "/1");
  EXPECT_EQ((*all)[1].spiffe_id.path(), "/3");
}

TEST_F(JwtSourceTest, ATokenThatIsNotWhatWasAskedForIsRefused) {
  const std::string id = "spiffe://a.org/x";
  for (const std::string& token :
       {authority.token("/other", "db"), authority.token("/x", "elsewhere"),
        authority.token("/x", "db", seconds(-120)), std::string("a.b"), std::string()}) {
    response.Clear();
    add(response, id, token);
    EXPECT_EQ(source.fetch_svid({"db"}).status().code(), Code::kInternal) << token;
  }
  response.Clear();
  EXPECT_EQ(source.fetch_svid({"db"}).status().code(), Code::kInternal) << "no token at all";
}

TEST_F(JwtSourceTest, TheAgentsRefusalIsPassedOn) {
  transport.answer = [](const std::string&, const std::string&) -> Result<std::string> {
    return Status::permission_denied("no identity issued");
  };
  EXPECT_EQ(source.fetch_svid({"db"}).status().to_string(),
            "PERMISSION_DENIED: no identity issued");
}

TEST_F(JwtSourceTest, JudgesTokensWithTheBundlesOfTheMoment) {
  const std::string token = authority.token("/x", "db");
  EXPECT_EQ(source.validate(token, "db").status().code(), Code::kUnavailable) << "no bundle yet";
  have_bundles();
  ASSERT_TRUE(source.wait(seconds(10)).ok());
  const auto peer = source.validate(token, "db");
  ASSERT_TRUE(peer) << peer.status().to_string();
  EXPECT_EQ(peer->spiffe_id.to_string(), "spiffe://a.org/x");
  EXPECT_EQ(source.validate(token, "other").status().code(), Code::kInvalidArgument);
  const TestAuthority impostor("a.org");
  EXPECT_FALSE(source.validate(impostor.token("/x", "db"), "db"));
  EXPECT_FALSE(source.validate(authority.token("/x", "db", seconds(-120)), "db"));
  ::JWTBundlesResponse others;
  (*others.mutable_bundles())["spiffe://a.org"] = impostor.jwks();
  transport.send(others.SerializeAsString());
  EXPECT_FALSE(source.validate(token, "db")) << "the authority was replaced";
}

TEST(ValidateJwtSvid, ReadsTheAgentsVerdict) {
  FakeTransport transport;
  ::ValidateJWTSVIDResponse verdict;
  verdict.set_spiffe_id("spiffe://a.org/x");
  (*verdict.mutable_claims()->mutable_fields())["sub"].set_string_value("spiffe://a.org/x");
  transport.answer = [&](const std::string& method, const std::string&) -> Result<std::string> {
    EXPECT_EQ(method, "/SpiffeWorkloadAPI/ValidateJWTSVID");
    return verdict.SerializeAsString();
  };
  const auto valid = validate_jwt_svid(transport, "db", "token", seconds(1));
  ASSERT_TRUE(valid) << valid.status().to_string();
  EXPECT_EQ(valid->spiffe_id.to_string(), "spiffe://a.org/x");
  EXPECT_EQ(valid->claims_json, R"({"sub":"spiffe://a.org/x"})");
  verdict.set_spiffe_id("nobody");
  EXPECT_EQ(validate_jwt_svid(transport, "db", "token", seconds(1)).status().code(),
            Code::kInternal);
}

}  // namespace
}  // namespace signet::workload_client
