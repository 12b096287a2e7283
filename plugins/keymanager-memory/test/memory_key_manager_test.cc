// The plugin through its C table, as the host calls it.
#include "memory_key_manager.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "signet/testing/fake_host.h"

namespace signet::keymanager {
namespace {

class MemoryPlugin : public testing::Test {
 protected:
  const signet_key_manager* table() {
    return static_cast<const signet_key_manager*>(MemoryKeyManager::service(SIGNET_KEY_MANAGER));
  }
  signet_instance* instance() { return to_abi(&plugin_); }

  fakes::FakeHost host_;
  MemoryKeyManager plugin_{Host(host_.abi()), "memory"};
};

TEST_F(MemoryPlugin, OffersTheKeyManagerAndNothingElse) {
  EXPECT_NE(table(), nullptr);
  EXPECT_EQ(MemoryKeyManager::service("signet.datastore/1"), nullptr);
}

TEST_F(MemoryPlugin, EmitsTheNewKeyThenSignsWithIt) {
  std::string public_key;
  fakes::FakeCall generate([&](std::uint32_t kind, const void* msg, std::size_t) {
    ASSERT_EQ(kind, SIGNET_KIND_KEY);
    const auto& key = *static_cast<const signet_key_info*>(msg);
    EXPECT_EQ(view(key.key_id), "x509-CA-A");
    EXPECT_EQ(key.key_type, static_cast<std::uint32_t>(SIGNET_KEY_EC_P256));
    public_key = view(key.public_key);
  });
  const std::string id = "x509-CA-A";
  ASSERT_EQ(table()->generate(instance(), generate.abi(), to_abi(id), SIGNET_KEY_EC_P256),
            SIGNET_OK);

  const auto digest = crypto::sha256(std::string_view("text"));
  const signet_sign_req request = {sizeof(request),
                                   SIGNET_HASH_SHA256,
                                   to_abi(id),
                                   {digest.view().data(), digest.size()},
                                   -1,
                                   0};
  std::string signature;
  fakes::FakeCall sign([&](std::uint32_t kind, const void* msg, std::size_t size) {
    ASSERT_EQ(kind, SIGNET_KIND_SIGNATURE);
    signature.assign(static_cast<const char*>(msg), size);
  });
  ASSERT_EQ(table()->sign(instance(), sign.abi(), &request), SIGNET_OK) << sign.message();
  const auto key = crypto::PublicKey::from_spki(crypto::as_bytes(public_key));
  ASSERT_TRUE(key.ok());
  EXPECT_TRUE(key->verify(crypto::Hash::kSha256, digest, crypto::as_bytes(signature)).ok());
}

TEST_F(MemoryPlugin, SaysWhichKeyIsMissing) {
  const auto digest = crypto::sha256(std::string_view("text"));
  const signet_sign_req request = {sizeof(request),
                                   SIGNET_HASH_SHA256,
                                   to_abi("gone"),
                                   {digest.view().data(), digest.size()},
                                   -1,
                                   0};
  fakes::FakeCall call;
  EXPECT_EQ(table()->sign(instance(), call.abi(), &request), SIGNET_NOT_FOUND);
  EXPECT_EQ(call.message(), "no such key \"gone\"");
}

}  // namespace
}  // namespace signet::keymanager
