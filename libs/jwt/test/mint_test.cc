#include <fstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "crypto/encoding.h"
#include "jwt/svid.h"

namespace signet::jwt {
namespace {

using nlohmann::json;

const Time kNow = x509::from_unix(1800000000);

SvidParams params() {
  SvidParams p{SpiffeId::parse("spiffe://example.org/w").value()};
  p.audience = {"db", "", "cache"};
  p.issued_at = kNow;
  p.expires_at = kNow + std::chrono::minutes(5);
  return p;
}

std::string part(const std::string& token, int index) {
  std::size_t begin = 0;
  while (index-- > 0) begin = token.find('.', begin) + 1;
  const auto bytes =
      crypto::base64url_decode(token.substr(begin, token.find('.', begin) - begin)).value();
  return crypto::to_string(bytes);
}

TEST(Mint, HeaderAndClaimsAreExactlySpires) {
  const crypto::PrivateKeySigner key(
      crypto::PrivateKey::generate(crypto::KeyType::kEcP256).value());
  const std::string token = mint_svid(params(), "a-key", key).value();
  EXPECT_EQ(part(token, 0), R"({"alg":"ES256","kid":"a-key","typ":"JWT"})");
  EXPECT_EQ(part(token, 1), R"({"aud":["db","cache"],"exp":1800000300,"iat":1800000000,)"
                            R"("sub":"spiffe://example.org/w"})");
}

TEST(Mint, RebuildsTheTokensThatSpireMade) {
  std::ifstream file(std::string(SIGNET_SOURCE_DIR) + "/libs/x509/test/testdata/spire.json");
  const json fixtures = json::parse(file);
  for (const auto& [name, family] : fixtures["families"].items()) {
    const std::string theirs = family["token"];
    const json claims = json::parse(part(theirs, 1));
    SvidParams p{SpiffeId::parse(claims["sub"].get<std::string>()).value()};
    p.audience = claims["aud"].get<std::vector<std::string>>();
    p.issued_at = x509::from_unix(claims["iat"]);
    p.expires_at = x509::from_unix(claims["exp"]);
    p.jti = claims["jti"];
    const auto key = crypto::PrivateKey::from_pkcs8_der(
                         crypto::base64_decode(family["ca_key"].get<std::string>()).value())
                         .value();
    const std::string ours = mint_svid(p, "a-key", crypto::PrivateKeySigner(key)).value();
    EXPECT_EQ(ours.substr(0, ours.rfind('.')), theirs.substr(0, theirs.rfind('.'))) << name;
    KeyStore keys;
    ASSERT_TRUE(
        keys.add(p.spiffe_id.trust_domain(), {{"a-key", key.public_key().spki(), 0, false}}).ok());
    EXPECT_TRUE(validate_svid(theirs, keys, "db", p.issued_at).ok()) << name;
    EXPECT_TRUE(validate_svid(ours, keys, "db", p.issued_at).ok()) << name;
  }
}

TEST(Mint, RequiresAnAudienceAndLetsNoExtraClaimReplaceItsOwn) {
  const crypto::PrivateKeySigner key(
      crypto::PrivateKey::generate(crypto::KeyType::kEcP384).value());
  SvidParams p = params();
  p.extra_claims_json = R"({"sub":"spiffe://example.org/other","team":"shop"})";
  p.issuer = "https://issuer";
  const json claims = json::parse(part(mint_svid(p, "k", key).value(), 1));
  EXPECT_EQ(claims["sub"], "spiffe://example.org/w");
  EXPECT_EQ(claims["team"], "shop");
  EXPECT_EQ(claims["iss"], "https://issuer");
  p.audience = {""};
  EXPECT_EQ(mint_svid(p, "k", key).status().code(), Code::kInvalidArgument);
}

TEST(Mint, TokenIdsAreSixteenBytes) {
  EXPECT_EQ(new_jti().size(), 22u);
  EXPECT_NE(new_jti(), new_jti());
}

}  // namespace
}  // namespace signet::jwt
