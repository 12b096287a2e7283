#include "jwt/private_jwk.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <openssl/bn.h>

#include "crypto/encoding.h"
#include "x509/bundle_json.h"

namespace signet::jwt {
namespace {

using crypto::KeyType;
using crypto::PrivateKey;
using nlohmann::ordered_json;

struct FreeNumber {
  void operator()(BIGNUM* number) const { BN_free(number); }
};
using Number = std::unique_ptr<BIGNUM, FreeNumber>;

Number number(const ordered_json& jwk, const char* member) {
  const crypto::Bytes bytes = crypto::base64url_decode(jwk[member].get<std::string>()).value();
  return Number(BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr));
}

std::string members(const ordered_json& jwk) {
  std::string names;
  for (const auto& [name, value] : jwk.items()) names += name + " ";
  return names;
}

TEST(PrivateJwk, OfAnEcKeyEndsWithTheScalarAtTheCurvesWidth) {
  for (const auto& [type, width] : {std::pair(KeyType::kEcP256, 32u), {KeyType::kEcP384, 48u}}) {
    const PrivateKey key = PrivateKey::generate(type).value();
    const ordered_json jwk = ordered_json::parse(write_private_jwk(key).value().text());
    EXPECT_EQ(members(jwk), "kty crv x y d ");
    const crypto::Bytes scalar = crypto::base64url_decode(jwk["d"].get<std::string>()).value();
    EXPECT_EQ(scalar.size(), width);
    // The scalar lies in the key's PKCS#8 as it is here.
    EXPECT_NE(key.to_pkcs8_der().text().find(crypto::as_text(scalar)), std::string_view::npos);
    ordered_json public_half = jwk;
    public_half.erase("d");
    EXPECT_EQ(public_half, ordered_json::parse(x509::write_jwk(key.public_key(), "").value()));
  }
}

TEST(PrivateJwk, OfAnRsaKeyHasNumbersThatFitTogether) {
  const PrivateKey key = PrivateKey::generate(KeyType::kRsa2048).value();
  const ordered_json jwk = ordered_json::parse(write_private_jwk(key).value().text());
  EXPECT_EQ(members(jwk), "kty n e d p q dp dq qi ");
  const Number n = number(jwk, "n"), p = number(jwk, "p"), q = number(jwk, "q"),
               qi = number(jwk, "qi"), product(BN_new());
  BN_CTX* context = BN_CTX_new();
  ASSERT_EQ(BN_mul(product.get(), p.get(), q.get(), context), 1);
  EXPECT_EQ(BN_cmp(product.get(), n.get()), 0) << "n = p q";
  ASSERT_EQ(BN_mod_mul(product.get(), qi.get(), q.get(), p.get(), context), 1);
  EXPECT_TRUE(BN_is_one(product.get())) << "qi q = 1 mod p";
  BN_CTX_free(context);
}

}  // namespace
}  // namespace signet::jwt
