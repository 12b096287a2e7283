// The numbered rules of the SPIFFE conformance checklist on JWT-SVIDs (25-33), and the texts that
// the Workload API passes on.
#include <functional>
#include <memory>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "crypto/encoding.h"
#include "jwt/svid.h"

namespace signet::jwt {
namespace {

using nlohmann::json;

const Time kNow = x509::from_unix(1800000000);

class Conformance : public ::testing::Test {
 protected:
  crypto::PrivateKey key_ = crypto::PrivateKey::generate(crypto::KeyType::kEcP256).value();
  crypto::PrivateKey p384_ = crypto::PrivateKey::generate(crypto::KeyType::kEcP384).value();
  KeyStore keys_;
  json header_ = {{"alg", "ES256"}, {"kid", "k"}, {"typ", "JWT"}};
  json claims_ = {{"sub", "spiffe://example.org/w"},
                  {"aud", {"db"}},
                  {"exp", x509::to_unix(kNow) + 300},
                  {"iat", x509::to_unix(kNow)}};

  void SetUp() override {
    ASSERT_TRUE(keys_
                    .add(TrustDomain::parse("example.org").value(),
                         {{"k", key_.public_key().spki(), 0, false},
                          {"p384", p384_.public_key().spki(), 0, false}})
                    .ok());
  }
  std::string sign(const std::string& header, const std::string& claims) const {
    std::string token = crypto::base64url_encode(crypto::as_bytes(header)) + "." +
                        crypto::base64url_encode(crypto::as_bytes(claims));
    const auto der = key_.sign(crypto::Hash::kSha256, crypto::sha256(token)).value();
    return token + "." +
           crypto::base64url_encode(crypto::ecdsa_der_to_raw(key_.type(), der).value());
  }
  std::string token() const { return sign(header_.dump(), claims_.dump()); }
  Result<Svid> judge(const std::string& text, std::string_view audience = "db") const {
    return validate_svid(text, keys_, audience, kNow);
  }
  std::string verdict() const { return judge(token()).status().message(); }
};

TEST_F(Conformance, Rule25_CompactSerializationOnly) {
  ASSERT_EQ(verdict(), "");
  const std::string good = token();
  const std::string flattened = R"({"protected":"a","payload":"b","signature":"c"})";
  for (const std::string& bad : {flattened, good + ".", good + ".a", "." + good, std::string(".."),
                                 good.substr(0, good.rfind('.')), good + "=", std::string()}) {
    EXPECT_FALSE(judge(bad).ok()) << bad;
  }
}

TEST_F(Conformance, Rule26_OnlyTheListedAlgorithms) {
  for (const char* alg : {"none", "HS256", "EdDSA", "es256", ""}) {
    header_["alg"] = alg;
    EXPECT_NE(verdict().find("is not allowed"), std::string::npos) << alg;
  }
  // The algorithm is bound to the key's kind.
  header_["alg"] = "ES384";
  EXPECT_EQ(verdict(), "token signature is invalid");
  header_["alg"] = "RS256";
  EXPECT_EQ(verdict(), "token signature is invalid");
  header_["alg"] = "ES256";
  header_["kid"] = "p384";
  EXPECT_EQ(verdict(), "token signature is invalid");
}

TEST_F(Conformance, Rule26_EachListedAlgorithmWithAKeyOfItsKind) {
  const auto p521 = EVP_EC_gen("P-521");
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> freed(p521, &EVP_PKEY_free);
  unsigned char* spki = nullptr;
  const int size = i2d_PUBKEY(p521, &spki);
  ASSERT_GT(size, 0);
  const auto rsa = crypto::PrivateKey::generate(crypto::KeyType::kRsa2048).value();
  ASSERT_TRUE(keys_
                  .add(TrustDomain::parse("example.org").value(),
                       {{"k", key_.public_key().spki(), 0, false},
                        {"p384", p384_.public_key().spki(), 0, false},
                        {"p521", crypto::Bytes(spki, spki + size), 0, false},
                        {"rsa", rsa.public_key().spki(), 0, false}})
                  .ok());
  OPENSSL_free(spki);
  const auto es512 = [&](const std::string& input) {
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                          &EVP_MD_CTX_free);
    crypto::Bytes der(200);
    std::size_t written = der.size();
    EXPECT_EQ(EVP_DigestSignInit(context.get(), nullptr, EVP_sha512(), nullptr, p521), 1);
    EXPECT_EQ(EVP_DigestSign(context.get(), der.data(), &written,
                             reinterpret_cast<const unsigned char*>(input.data()), input.size()),
              1);
    der.resize(written);
    return crypto::ecdsa_der_to_raw(crypto::KeyType::kEcP521, der).value();
  };
  const auto ec = [](const crypto::PrivateKey& key, crypto::Hash hash) {
    return [&key, hash](const std::string& input) {
      const auto der = key.sign(hash, crypto::digest(hash, crypto::as_bytes(input))).value();
      return crypto::ecdsa_der_to_raw(key.type(), der).value();
    };
  };
  const auto with_rsa = [&](crypto::Hash hash, crypto::RsaPadding padding) {
    return [&rsa, hash, padding](const std::string& input) {
      return rsa.sign(hash, crypto::digest(hash, crypto::as_bytes(input)), padding).value();
    };
  };
  using crypto::Hash;
  using crypto::RsaPadding;
  const struct {
    const char* alg;
    const char* kid;
    std::function<crypto::Bytes(const std::string&)> sign;
  } cases[] = {
      {"ES256", "k", ec(key_, Hash::kSha256)},
      {"ES384", "p384", ec(p384_, Hash::kSha384)},
      {"ES512", "p521", es512},
      {"RS256", "rsa", with_rsa(Hash::kSha256, RsaPadding::kPkcs1)},
      {"RS384", "rsa", with_rsa(Hash::kSha384, RsaPadding::kPkcs1)},
      {"RS512", "rsa", with_rsa(Hash::kSha512, RsaPadding::kPkcs1)},
      {"PS256", "rsa", with_rsa(Hash::kSha256, RsaPadding::kPss)},
      {"PS384", "rsa", with_rsa(Hash::kSha384, RsaPadding::kPss)},
      {"PS512", "rsa", with_rsa(Hash::kSha512, RsaPadding::kPss)},
  };
  for (const auto& signs : cases) {
    for (const auto& says : cases) {
      header_["alg"] = says.alg;
      header_["kid"] = signs.kid;
      const std::string input = crypto::base64url_encode(crypto::as_bytes(header_.dump())) + "." +
                                crypto::base64url_encode(crypto::as_bytes(claims_.dump()));
      const auto judged = judge(input + "." + crypto::base64url_encode(signs.sign(input)));
      EXPECT_EQ(judged.ok(), &signs == &says) << "signed by " << signs.alg << ", says " << says.alg
                                              << ": " << judged.status().message();
    }
  }
}

TEST_F(Conformance, Rule27_TypIsJwtOrJoseAndCritIsRefused) {
  header_["typ"] = "JOSE";
  EXPECT_EQ(verdict(), "");
  header_.erase("typ");
  EXPECT_EQ(verdict(), "");
  header_["typ"] = "wit+jwt";
  EXPECT_NE(verdict(), "");
  header_["typ"] = "JWT";
  header_["crit"] = {"exp"};
  EXPECT_NE(verdict(), "");
}

TEST_F(Conformance, Rule27_WeIssueNoHeaderBesides) {
  SvidParams params{SpiffeId::parse("spiffe://example.org/w").value()};
  params.audience = {"db"};
  params.issued_at = kNow;
  params.expires_at = kNow + std::chrono::minutes(5);
  params.jti = "a";
  const std::string token = mint_svid(params, "k", crypto::PrivateKeySigner(key_)).value();
  const json header = json::parse(
      crypto::to_string(crypto::base64url_decode(token.substr(0, token.find('.'))).value()));
  EXPECT_EQ(header, (json{{"alg", "ES256"}, {"kid", "k"}, {"typ", "JWT"}}));
}

TEST_F(Conformance, Rule28_TheValidatorRequiresAKid) {
  header_.erase("kid");
  EXPECT_EQ(verdict(), "token header missing key id");
  EXPECT_TRUE(parse_unverified(token()).ok());
}

TEST_F(Conformance, Rule29_SubIsTheSpiffeId) {
  EXPECT_EQ(judge(token())->spiffe_id.to_string(), "spiffe://example.org/w");
  claims_["sub"] = "https://example.org";
  EXPECT_EQ(verdict().rfind("token has in invalid subject claim: ", 0), 0u);
  claims_.erase("sub");
  EXPECT_EQ(verdict(), "token missing subject claim");
}

TEST_F(Conformance, Rule30_AudienceIsThereAndNamesTheValidator) {
  EXPECT_EQ(judge(token(), "other").status().message(),
            R"(expected audience in ["other"] (audience=["db"]))");
  claims_["aud"] = "db";  // a plain string counts as a list of one
  EXPECT_EQ(judge(token())->audience, std::vector<std::string>{"db"});
  EXPECT_EQ(json::parse(judge(token())->claims_json)["aud"], json({"db"}));
  claims_["aud"] = json::array();
  EXPECT_EQ(verdict(), R"(expected audience in ["db"] (audience=[]))");
  claims_.erase("aud");
  EXPECT_FALSE(judge(token()).ok());
  EXPECT_FALSE(judge(token(), "").ok());
  EXPECT_FALSE(parse_unverified(token()).ok());
}

TEST_F(Conformance, Rule31_ExpIsThereAndNotPastWithALeewayOfAMinute) {
  const auto now = x509::to_unix(kNow);
  claims_["exp"] = now - 60;
  EXPECT_EQ(verdict(), "");
  claims_["exp"] = now - 61;
  EXPECT_EQ(verdict(), "token has expired");
  claims_.erase("exp");
  EXPECT_EQ(verdict(), "token missing exp claim");
  claims_["exp"] = "soon";
  EXPECT_FALSE(judge(token()).ok());
  claims_["exp"] = now + 300;
  claims_["nbf"] = now + 60;
  EXPECT_EQ(verdict(), "");
  claims_["nbf"] = now + 61;
  EXPECT_NE(verdict(), "");
  claims_.erase("nbf");
  claims_["iat"] = now + 61;
  EXPECT_NE(verdict(), "");
}

TEST_F(Conformance, Rule32_OnlyKeysOfTheSubjectsTrustDomainCount) {
  claims_["sub"] = "spiffe://other.org/w";
  EXPECT_EQ(verdict(), "no keys found for trust domain \"other.org\"");
  const auto stranger = crypto::PrivateKey::generate(crypto::KeyType::kEcP256).value();
  ASSERT_TRUE(keys_
                  .add(TrustDomain::parse("other.org").value(),
                       {{"k", stranger.public_key().spki(), 0, false}})
                  .ok());
  EXPECT_EQ(verdict(), "token signature is invalid");
  header_["kid"] = "absent";
  EXPECT_EQ(verdict(), "public key \"absent\" not found in trust domain \"other.org\"");
}

TEST_F(Conformance, Rule33_FilteringKeepsSubAudAndExp) {
  claims_["team"] = "shop";
  claims_["secret"] = 1;
  const std::vector<std::string> allowed = {"team"};
  const json kept = json::parse(filter_claims(judge(token())->claims_json, allowed));
  EXPECT_EQ(kept, json({{"sub", claims_["sub"]},
                        {"aud", claims_["aud"]},
                        {"exp", claims_["exp"]},
                        {"team", "shop"}}));
}

TEST_F(Conformance, TamperedDuplicatedAndOversizedTokensAreRefused) {
  const std::string good = token();
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = bad[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(judge(bad).ok()) << i;
  }
  const std::string twice = R"({"sub":"spiffe://example.org/a","sub":"spiffe://example.org/b",)"
                            R"("aud":"db","exp":1800000300})";
  EXPECT_FALSE(judge(sign(header_.dump(), twice)).ok());
  claims_["pad"] = std::string(kMaxTokenBytes, 'x');
  EXPECT_FALSE(judge(token()).ok());
}

}  // namespace
}  // namespace signet::jwt
