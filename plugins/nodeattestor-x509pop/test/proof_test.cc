#include "proof.h"

#include <gtest/gtest.h>

namespace signet::x509pop {
namespace {

using crypto::KeyType;

class Proof : public testing::TestWithParam<KeyType> {
 protected:
  crypto::PrivateKey key_ = crypto::PrivateKey::generate(GetParam()).value();
  Challenge challenge_ = make_challenge(key_.public_key());
};
INSTANTIATE_TEST_SUITE_P(AllKeys, Proof,
                         testing::Values(KeyType::kEcP256, KeyType::kEcP384, KeyType::kRsa2048),
                         [](const auto& key) {
                           std::string name(crypto::key_type_name(key.param));
                           std::erase(name, '-');
                           return name;
                         });

TEST_P(Proof, HoldsForTheKeyThatSigned) {
  for (int n = 0; n < 20; ++n) {  // r and s of all lengths
    const auto response = answer(challenge_, key_);
    ASSERT_TRUE(response.ok()) << response.status().to_string();
    EXPECT_NE(response->nonce, challenge_.nonce);
    const Status status = verify(challenge_, *response, key_.public_key());
    EXPECT_TRUE(status.ok()) << status.to_string();
  }
}

TEST_P(Proof, HoldsForNoOtherKeyChallengeOrNonce) {
  const auto other = crypto::PrivateKey::generate(GetParam()).value();
  auto response = answer(challenge_, key_).value();
  EXPECT_FALSE(verify(challenge_, response, other.public_key()).ok());
  EXPECT_FALSE(verify(make_challenge(key_.public_key()), response, key_.public_key()).ok());
  response.nonce[0] ^= 1;
  EXPECT_FALSE(verify(challenge_, response, key_.public_key()).ok());
  response.nonce.resize(16);
  EXPECT_FALSE(verify(challenge_, response, key_.public_key()).ok());
}

TEST_P(Proof, RefusesSignaturesThatAreNone) {
  for (const Bytes& bad : {Bytes(), Bytes{0}, Bytes(66, 0xff), Bytes(5000, 1)}) {
    Response response = answer(challenge_, key_).value();
    response.signature = response.r = bad;
    EXPECT_FALSE(verify(challenge_, response, key_.public_key()).ok());
    response = answer(challenge_, key_).value();
    response.s = response.signature = bad;
    EXPECT_FALSE(verify(challenge_, response, key_.public_key()).ok());
  }
}

TEST_P(Proof, IsOfTheKeysOwnKind) {
  challenge_.rsa = !challenge_.rsa;
  EXPECT_FALSE(answer(challenge_, key_).ok());
  challenge_.rsa = !challenge_.rsa;
  Response response = answer(challenge_, key_).value();
  response.rsa = !response.rsa;
  EXPECT_FALSE(verify(challenge_, response, key_.public_key()).ok());
}

TEST_P(Proof, SignsNoNonceOfAnotherLength) {
  challenge_.nonce.push_back(0);
  EXPECT_FALSE(answer(challenge_, key_).ok());
}

}  // namespace
}  // namespace signet::x509pop
