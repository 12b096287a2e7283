#include "keymanager/key_table.h"

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace signet::keymanager {
namespace {

signet_sign_req request(std::string_view key_id, std::uint32_t hash, const crypto::Digest& digest,
                        std::int32_t salt = -1) {
  return {sizeof(signet_sign_req),
          hash,
          to_abi(key_id),
          {digest.view().data(), digest.view().size()},
          salt,
          0};
}

crypto::PublicKey public_key(const KeyInfo& info) {
  return *crypto::PublicKey::from_spki(crypto::as_bytes(info.public_key));
}

const crypto::Digest kDigest = crypto::sha256(std::string_view("message"));

TEST(KeyTable, MakesEachKindOfKeyAndSignsWithIt) {
  KeyTable table;
  for (const std::uint32_t type : {SIGNET_KEY_EC_P256, SIGNET_KEY_EC_P384, SIGNET_KEY_RSA_2048}) {
    const auto info = table.generate("k", type);
    ASSERT_TRUE(info.ok()) << info.status().to_string();
    EXPECT_EQ(info->key_id, "k");
    EXPECT_EQ(info->key_type, type);
    const auto signature = table.sign(request("k", SIGNET_HASH_SHA256, kDigest));
    ASSERT_TRUE(signature.ok()) << signature.status().to_string();
    EXPECT_TRUE(public_key(*info)
                    .verify(crypto::Hash::kSha256, kDigest, crypto::as_bytes(*signature))
                    .ok());
  }
  ASSERT_EQ(table.list().size(), 1u);  // each replaced the one before
  EXPECT_EQ(table.list()[0].key_type, static_cast<std::uint32_t>(SIGNET_KEY_RSA_2048));
}

TEST(KeyTable, SignsPssWithASaltAsLongAsTheDigest) {
  KeyTable table;
  const auto rsa = table.generate("rsa", SIGNET_KEY_RSA_2048);
  const auto signature = table.sign(request("rsa", SIGNET_HASH_SHA256, kDigest, 32));
  ASSERT_TRUE(rsa.ok() && signature.ok());
  EXPECT_TRUE(public_key(*rsa)
                  .verify(crypto::Hash::kSha256, kDigest, crypto::as_bytes(*signature),
                          crypto::RsaPadding::kPss)
                  .ok());
  EXPECT_EQ(table.sign(request("rsa", SIGNET_HASH_SHA256, kDigest, 20)).status().code(),
            Code::kInvalidArgument);
  ASSERT_TRUE(table.generate("ec", SIGNET_KEY_EC_P256).ok());
  EXPECT_EQ(table.sign(request("ec", SIGNET_HASH_SHA256, kDigest, 32)).status().code(),
            Code::kInvalidArgument);
}

TEST(KeyTable, RefusesWhatItCannotDo) {
  KeyTable table;
  ASSERT_TRUE(table.generate("k", SIGNET_KEY_EC_P256).ok());
  EXPECT_EQ(table.generate("", SIGNET_KEY_EC_P256).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(table.generate(std::string(256, 'x'), SIGNET_KEY_EC_P256).status().code(),
            Code::kInvalidArgument);
  EXPECT_EQ(table.generate("k", 0).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(table.generate("k", 99).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(table.sign(request("other", SIGNET_HASH_SHA256, kDigest)).status().code(),
            Code::kNotFound);
  EXPECT_EQ(table.sign(request("k", SIGNET_HASH_SHA384, kDigest)).status().code(),
            Code::kInvalidArgument);
  EXPECT_EQ(table.sign(request("k", 4, kDigest)).status().code(), Code::kInvalidArgument);
}

TEST(KeyTable, KeepsTheOldKeyWhenTheNewOneCannotBeSaved) {
  bool fails = false;
  KeyTable table({},
                 [&](const Keys&) { return fails ? Status::unavailable("disk full") : Status(); });
  const auto old = table.generate("k", SIGNET_KEY_EC_P256);
  ASSERT_TRUE(old.ok());
  fails = true;
  EXPECT_EQ(table.generate("k", SIGNET_KEY_EC_P256).status().message(), "disk full");
  EXPECT_EQ(table.generate("new", SIGNET_KEY_EC_P256).status().code(), Code::kUnavailable);
  ASSERT_EQ(table.list().size(), 1u);
  EXPECT_EQ(table.list()[0].public_key, old->public_key);
  const auto signature = table.sign(request("k", SIGNET_HASH_SHA256, kDigest));
  EXPECT_TRUE(
      public_key(*old).verify(crypto::Hash::kSha256, kDigest, crypto::as_bytes(*signature)).ok());
}

TEST(KeyTable, SignsWhileKeysAreReplaced) {
  KeyTable table;
  ASSERT_TRUE(table.generate("k", SIGNET_KEY_EC_P256).ok());
  std::atomic<bool> stop{false};
  std::atomic<int> failures{0};
  std::vector<std::thread> signers;
  for (int i = 0; i < 3; ++i) {
    signers.emplace_back([&] {
      while (!stop) {
        if (!table.sign(request("k", SIGNET_HASH_SHA256, kDigest)).ok()) ++failures;
      }
    });
  }
  for (int i = 0; i < 50; ++i) EXPECT_TRUE(table.generate("k", SIGNET_KEY_EC_P256).ok());
  stop = true;
  for (auto& signer : signers) signer.join();
  EXPECT_EQ(failures, 0);
}

}  // namespace
}  // namespace signet::keymanager
