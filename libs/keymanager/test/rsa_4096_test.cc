#include <gtest/gtest.h>

#include "keymanager/key_table.h"

namespace signet::keymanager {
namespace {

TEST(KeyTableSlow, MakesAnRsa4096KeyAndSignsWithIt) {
  KeyTable table;
  const auto info = table.generate("k", SIGNET_KEY_RSA_4096);
  ASSERT_TRUE(info.ok()) << info.status().to_string();
  const auto key = crypto::PublicKey::from_spki(crypto::as_bytes(info->public_key));
  ASSERT_TRUE(key.ok());
  EXPECT_EQ(key->bits(), 4096);
  const auto digest = crypto::sha512(crypto::as_bytes("message"));
  for (const std::int32_t salt : {-1, 64}) {
    const auto signature = table.sign({sizeof(signet_sign_req),
                                       SIGNET_HASH_SHA512,
                                       to_abi("k"),
                                       {digest.view().data(), digest.size()},
                                       salt,
                                       0});
    ASSERT_TRUE(signature.ok());
    const auto padding = salt < 0 ? crypto::RsaPadding::kPkcs1 : crypto::RsaPadding::kPss;
    EXPECT_TRUE(
        key->verify(crypto::Hash::kSha512, digest, crypto::as_bytes(*signature), padding).ok());
  }
}

}  // namespace
}  // namespace signet::keymanager
