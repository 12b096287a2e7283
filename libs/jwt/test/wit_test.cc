#include "jwt/wit.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "crypto/encoding.h"

namespace signet::jwt {
namespace {

using crypto::KeyType;

const Time kNow = x509::from_unix(1800000000);

std::string part(const std::string& token, int index) {
  std::size_t begin = 0;
  while (index-- > 0) begin = token.find('.', begin) + 1;
  return crypto::to_string(
      crypto::base64url_decode(token.substr(begin, token.find('.', begin) - begin)).value());
}

crypto::PublicKey holder(KeyType type) {
  return crypto::PrivateKey::generate(type).value().public_key();
}

TEST(WitSvid, NamesTheHoldersKeyAndSpiresOtherClaims) {
  const crypto::PrivateKeySigner signer(crypto::PrivateKey::generate(KeyType::kEcP256).value());
  const crypto::PublicKey key = holder(KeyType::kEcP384);
  const std::string token =
      mint_wit({.spiffe_id = SpiffeId::parse("spiffe://example.org/w").value(),
                .key = key,
                .algorithm = "ES384",
                .issued_at = kNow,
                .expires_at = kNow + std::chrono::hours(1)},
               "a-key", signer)
          .value();
  EXPECT_EQ(part(token, 0), R"({"alg":"ES256","kid":"a-key","typ":"wit+jwt"})");
  const std::string claims = part(token, 1);
  EXPECT_TRUE(claims.starts_with(R"({"cnf":{"jwk":{"kty":"EC","crv":"P-384","alg":"ES384","x":")"))
      << claims;
  EXPECT_TRUE(
      claims.ends_with(R"("exp":1800003600,"iat":1800000000,"sub":"spiffe://example.org/w"})"))
      << claims;
}

TEST(WitSvid, HasAnIssuerWhenOneIsSet) {
  const crypto::PrivateKeySigner signer(crypto::PrivateKey::generate(KeyType::kEcP256).value());
  const crypto::PublicKey key = holder(KeyType::kEcP256);
  const std::string token =
      mint_wit({.spiffe_id = SpiffeId::parse("spiffe://example.org/w").value(),
                .key = key,
                .algorithm = "ES256",
                .issued_at = kNow,
                .expires_at = kNow + std::chrono::hours(1),
                .issuer = "https://issuer.example.org"},
               "a-key", signer)
          .value();
  EXPECT_EQ(nlohmann::json::parse(part(token, 1))["iss"], "https://issuer.example.org");
}

TEST(WitSvid, BindsTheHoldersAlgorithmToItsKey) {
  const crypto::PublicKey p256 = holder(KeyType::kEcP256);
  EXPECT_TRUE(check_confirmation(p256, "ES256").ok());
  for (const char* wrong : {"", "none", "HS256", "ES384", "RS256", "EdDSA"}) {
    EXPECT_EQ(check_confirmation(p256, wrong).message(),
              std::string("unsupported signing algorithm for ec-p256 key: ") + wrong);
  }
  const crypto::PublicKey rsa = holder(KeyType::kRsa2048);
  for (const char* good : {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}) {
    EXPECT_TRUE(check_confirmation(rsa, good).ok()) << good;
  }
  EXPECT_EQ(check_confirmation(rsa, "ES256").message(),
            "unsupported signing algorithm for RSA key: ES256");
}

}  // namespace
}  // namespace signet::jwt
