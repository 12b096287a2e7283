#include "crypto/key.h"

#include <gtest/gtest.h>

#include "crypto/pem.h"
#include "crypto/random.h"

namespace signet::crypto {
namespace {

class Keys : public ::testing::TestWithParam<KeyType> {};

TEST_P(Keys, SignVerifyAndRoundTrip) {
  const PrivateKey key = PrivateKey::generate(GetParam()).value();
  const Hash hash = default_hash(GetParam());
  const Digest message = digest(hash, as_bytes("message"));
  const Bytes signature = key.sign(hash, message).value();
  EXPECT_TRUE(key.public_key().verify(hash, message, signature).ok());
  const Digest other = digest(hash, as_bytes("other"));
  EXPECT_FALSE(key.public_key().verify(hash, other, signature).ok());
  EXPECT_FALSE(key.public_key().verify(Hash::kSha1, sha1(as_bytes("m")), signature).ok());
  EXPECT_FALSE(key.sign(hash, ByteView(message.view()).first(10)).ok());

  const PrivateKey again = PrivateKey::from_pkcs8_der(key.to_pkcs8_der().view()).value();
  EXPECT_TRUE(again.public_key() == key.public_key());
  const PrivateKey from_pem = PrivateKey::from_pem(key.to_pem().text()).value();
  EXPECT_TRUE(from_pem.public_key() == key.public_key());
  EXPECT_TRUE(PublicKey::from_spki(key.public_key().spki()).value() == key.public_key());
  EXPECT_EQ(key_type_from_name(key_type_name(GetParam())), GetParam());
}

TEST_P(Keys, NoCutPublicKeyIsAccepted) {
  const Bytes spki = PrivateKey::generate(GetParam())->public_key().spki();
  for (std::size_t i = 0; i < spki.size(); ++i) {
    EXPECT_FALSE(PublicKey::from_spki(ByteView(spki).first(i)).ok());
  }
  Bytes longer = spki;
  longer.push_back(0);
  EXPECT_FALSE(PublicKey::from_spki(longer).ok());
}

INSTANTIATE_TEST_SUITE_P(Types, Keys,
                         ::testing::Values(KeyType::kEcP256, KeyType::kEcP384, KeyType::kRsa2048));

TEST(PublicKey, RefusesPointsOffTheCurveAndWeakRsa) {
  Bytes point(65, 0x11);
  point[0] = 0x04;
  EXPECT_FALSE(PublicKey::from_ec_point(KeyType::kEcP256, point).ok());
  const auto reason = [](const Status& s) { return s.fields().at(0).second; };
  Bytes modulus(128, 0xc5);
  EXPECT_EQ(reason(PublicKey::from_rsa(modulus, Bytes{1, 0, 1}).status()), "weak");
  modulus.resize(256, 0xc5);
  EXPECT_TRUE(PublicKey::from_rsa(modulus, Bytes{1, 0, 1}).ok());
  EXPECT_EQ(reason(PublicKey::from_rsa(modulus, Bytes{1}).status()), "weak");
  EXPECT_EQ(reason(PublicKey::from_rsa(modulus, Bytes{4}).status()), "weak");
  EXPECT_EQ(reason(PublicKey::from_rsa(Bytes(1100, 0xc5), Bytes{3}).status()), "unsupported");
}

TEST(PrivateKey, RefusesAPublicHalfOfAnotherKey) {
  const SecretBytes a = PrivateKey::generate(KeyType::kEcP256)->to_pkcs8_der();
  Bytes mixed = to_bytes(a.view());
  const Bytes other = to_bytes(PrivateKey::generate(KeyType::kEcP256)->public_key().key_bits());
  std::copy(other.begin(), other.end(), mixed.end() - 65);
  EXPECT_FALSE(PrivateKey::from_pkcs8_der(mixed).ok());
}

TEST(EcdsaSignature, ConvertsBetweenItsForms) {
  const PrivateKey key = PrivateKey::generate(KeyType::kEcP256).value();
  for (int i = 0; i < 200; ++i) {  // leading zeros occur now and then
    const Bytes der = key.sign(Hash::kSha256, sha256(std::to_string(i))).value();
    const Bytes raw = ecdsa_der_to_raw(KeyType::kEcP256, der).value();
    EXPECT_EQ(raw.size(), 64u);
    EXPECT_EQ(ecdsa_raw_to_der(KeyType::kEcP256, raw).value(), der);
  }
}

TEST(Pem, IsStrictAboutItsLines) {
  const std::string good = write_pem("TEST", Bytes(100, 7));
  EXPECT_EQ(read_pem("text before\n" + good + "between\r\n" + good)->size(), 2u);
  EXPECT_TRUE(read_pem("")->empty());
  for (const char* bad :
       {"-----BEGIN A-----\nAAAA\n", "-----BEGIN A-----\nAAAA\n-----END B-----\n",
        "-----BEGIN A-----\nAA*A\n-----END A-----\n", "-----BEGIN A-----\n-----END A-----\n",
        "-----END A-----\n", "-----BEGIN A-----\nProc-Type: 4\n\nAAAA\n-----END A-----\n",
        "-----BEGIN A-----\nAAA\n-----END A-----\n"}) {
    EXPECT_FALSE(read_pem(bad).ok()) << bad;
  }
}

TEST(Random, MakesWhatItsNamesSay) {
  EXPECT_EQ(random_alphanumeric(32).size(), 32u);
  const std::string uuid = random_uuid();
  EXPECT_EQ(uuid.size(), 36u);
  EXPECT_EQ(uuid[14], '4');
}

TEST(Random, OrderedUuidsBeginWithTheirTime) {
  const std::string one = ordered_uuid(0x0190'1234'5678), other = ordered_uuid(0x0190'1234'5678);
  EXPECT_TRUE(one.starts_with("01901234-5678-7")) << one;
  EXPECT_NE(std::string("89ab").find(one[19]), std::string::npos) << one;
  EXPECT_EQ(one.size(), 36u);
  EXPECT_NE(one, other);
  EXPECT_LT(one, ordered_uuid(0x0190'1234'5679));
}

}  // namespace
}  // namespace signet::crypto
