// What signet/abi/key_manager.h promises, asked of a shared object.
//
//   keymanager-conformance --plugin FILE.so [--config JSON] [--keeps-keys yes]
//
// --keeps-keys: its keys outlive the process. The keys that this makes are named conformance-*.
#include <atomic>
#include <fstream>
#include <map>
#include <thread>

#include <gtest/gtest.h>

#include "signet/key_manager.h"

#include "crypto/encoding.h"
#include "crypto/key.h"
#include "suite_main.h"

namespace signet::conformance {
namespace {

namespace fs = std::filesystem;

PluginUnderTest& plugin() {
  static PluginUnderTest plugin{.type = "KeyManager"};
  return plugin;
}
std::string& keeps_keys() {
  static std::string yes;
  return yes;
}
ScopeUnderTest& scope() { return scope_of_program(plugin()); }

constexpr std::string_view kText = "what is signed";

crypto::Digest digest_of(crypto::Hash hash) {
  return crypto::digest(hash, crypto::as_bytes(kText));
}
std::uint32_t abi_hash(crypto::Hash hash) {
  return hash == crypto::Hash::kSha384   ? SIGNET_HASH_SHA384
         : hash == crypto::Hash::kSha512 ? SIGNET_HASH_SHA512
                                         : SIGNET_HASH_SHA256;
}
crypto::PublicKey public_key(const KeyInfo& key) {
  auto parsed = crypto::PublicKey::from_spki(crypto::as_bytes(key.public_key));
  if (!parsed) throw std::runtime_error(key.key_id + ": " + parsed.status().to_string());
  return *parsed;
}

class KeyManagerSuite : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(scope().status().ok()) << scope().status().to_string();
    auto client = KeyManagerClient::acquire(scope().host());
    ASSERT_TRUE(client.ok()) << client.status().to_string();
    keys_.emplace(std::move(*client));
  }
  static std::map<std::string, KeyInfo> listed(const KeyManagerClient& keys) {
    const auto all = keys.list();
    if (!all) throw std::runtime_error(all.status().to_string());
    std::map<std::string, KeyInfo> out;
    for (const KeyInfo& key : *all) {
      EXPECT_TRUE(out.emplace(key.key_id, key).second) << key.key_id << " is listed twice";
    }
    return out;
  }
  /// What it signs by that name is `key`'s signature, over the hash that goes with its type.
  static void signs_as(const KeyManagerClient& keys, const KeyInfo& key) {
    const crypto::PublicKey verifier = public_key(key);
    const crypto::Hash hash = crypto::default_hash(verifier.type());
    const crypto::Digest digest = digest_of(hash);
    const auto signature = keys.sign(key.key_id, abi_hash(hash), crypto::as_text(digest.view()));
    ASSERT_TRUE(signature.ok()) << key.key_id << ": " << signature.status().to_string();
    const Status good = verifier.verify(hash, digest, crypto::as_bytes(*signature));
    EXPECT_TRUE(good.ok()) << key.key_id << ": " << good.to_string();
  }
  KeyInfo must_generate(std::string_view id, std::uint32_t type = SIGNET_KEY_EC_P256) {
    auto key = keys_->generate(id, type);
    if (!key) throw std::runtime_error(key.status().to_string());
    EXPECT_EQ(key->key_id, id);
    EXPECT_EQ(key->key_type, type);
    return *key;
  }

  std::optional<KeyManagerClient> keys_;
};

TEST_F(KeyManagerSuite, MakesEachTypeOfKeyAndSignsWithIt) {
  const std::pair<std::uint32_t, crypto::KeyType> types[] = {
      {SIGNET_KEY_EC_P256, crypto::KeyType::kEcP256},
      {SIGNET_KEY_EC_P384, crypto::KeyType::kEcP384},
      {SIGNET_KEY_RSA_2048, crypto::KeyType::kRsa2048},
      {SIGNET_KEY_RSA_4096, crypto::KeyType::kRsa4096}};
  for (const auto& [number, type] : types) {
    const KeyInfo key = must_generate("conformance-type-" + std::to_string(number), number);
    EXPECT_EQ(public_key(key).type(), type);
    signs_as(*keys_, key);
  }
  const auto all = listed(*keys_);
  for (const auto& [number, type] : types) {
    const auto found = all.find("conformance-type-" + std::to_string(number));
    ASSERT_NE(found, all.end());
    EXPECT_EQ(found->second.key_type, number);
  }
}

TEST_F(KeyManagerSuite, SignsPssWithTheSaltThatIsAskedFor) {
  const KeyInfo key = must_generate("conformance-pss", SIGNET_KEY_RSA_2048);
  for (const crypto::Hash hash :
       {crypto::Hash::kSha256, crypto::Hash::kSha384, crypto::Hash::kSha512}) {
    const crypto::Digest digest = digest_of(hash);
    const auto signature = keys_->sign(key.key_id, abi_hash(hash), crypto::as_text(digest.view()),
                                       static_cast<std::int32_t>(digest.size()));
    ASSERT_TRUE(signature.ok()) << signature.status().to_string();
    const auto verified = [&](crypto::RsaPadding padding) {
      return public_key(key).verify(hash, digest, crypto::as_bytes(*signature), padding).ok();
    };
    EXPECT_TRUE(verified(crypto::RsaPadding::kPss));
    EXPECT_FALSE(verified(crypto::RsaPadding::kPkcs1));
  }
}

TEST_F(KeyManagerSuite, ANewKeyReplacesTheOneOfItsName) {
  const KeyInfo neighbour = must_generate("conformance-neighbour");
  const KeyInfo old = must_generate("conformance-replaced");
  const KeyInfo key = must_generate("conformance-replaced", SIGNET_KEY_EC_P384);
  EXPECT_NE(key.public_key, old.public_key);
  auto all = listed(*keys_);
  EXPECT_EQ(all["conformance-replaced"].public_key, key.public_key);
  EXPECT_EQ(all["conformance-neighbour"].public_key, neighbour.public_key);
  signs_as(*keys_, key);
  signs_as(*keys_, neighbour);
}

TEST_F(KeyManagerSuite, AKeyTypeThatIsNoneIsAnErrorAndTheOldKeyStays) {
  const KeyInfo key = must_generate("conformance-kept");
  for (const std::uint32_t type : {0u, 5u, 99u, UINT32_MAX}) {
    EXPECT_FALSE(keys_->generate("conformance-kept", type).ok()) << type;
    EXPECT_FALSE(keys_->generate("conformance-never", type).ok()) << type;
  }
  auto all = listed(*keys_);
  EXPECT_EQ(all["conformance-kept"].public_key, key.public_key);
  EXPECT_EQ(all.count("conformance-never"), 0u);
  signs_as(*keys_, key);
}

TEST_F(KeyManagerSuite, WhatCannotBeSignedIsRefused) {
  const KeyInfo key = must_generate("conformance-refuses");
  const std::string digest(crypto::as_text(digest_of(crypto::Hash::kSha256).view()));
  const auto code = [&](std::string_view id, std::uint32_t hash, std::string_view of) {
    return keys_->sign(id, hash, of).status().code();
  };
  EXPECT_EQ(code("conformance-nobodys", SIGNET_HASH_SHA256, digest), Code::kNotFound);
  EXPECT_EQ(code(key.key_id, SIGNET_HASH_SHA256, ""), Code::kInvalidArgument);
  EXPECT_EQ(code(key.key_id, SIGNET_HASH_SHA256, digest.substr(1)), Code::kInvalidArgument);
  EXPECT_EQ(code(key.key_id, SIGNET_HASH_SHA384, digest), Code::kInvalidArgument);
  for (const std::uint32_t hash : {0u, 4u, 8u, UINT32_MAX}) {
    EXPECT_EQ(code(key.key_id, hash, digest), Code::kInvalidArgument) << hash;
  }
  signs_as(*keys_, key);
}

TEST_F(KeyManagerSuite, SignsWhileKeysAreMade) {
  const KeyInfo key = must_generate("conformance-busy");
  std::atomic<bool> done{false};
  std::vector<std::thread> threads;
  for (int n = 0; n < 4; ++n) {
    threads.emplace_back([&] {
      do signs_as(*keys_, key);
      while (!done);
    });
  }
  std::map<std::string, KeyInfo> made;
  for (int n = 0; n < 8; ++n) {
    const std::string id = "conformance-new-" + std::to_string(n % 4);
    made[id] = must_generate(id);
  }
  done = true;
  for (std::thread& thread : threads) thread.join();
  auto all = listed(*keys_);
  for (const auto& [id, info] : made) EXPECT_EQ(all[id].public_key, info.public_key) << id;
}

// ---- "signet.key_import/1", where it is offered.

class KeyImportSuite : public KeyManagerSuite {
 protected:
  void SetUp() override {
    KeyManagerSuite::SetUp();
    auto client = KeyImportClient::acquire(scope().host());
    if (client.status().code() == Code::kNotFound) GTEST_SKIP() << "it takes over no keys";
    ASSERT_TRUE(client.ok()) << client.status().to_string();
    import_.emplace(std::move(*client));
    std::string pattern = (fs::temp_directory_path() / "key-import-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
  }
  void TearDown() override {
    if (!folder_.empty()) fs::remove_all(folder_);
  }
  std::string write(std::string_view text) {
    const fs::path path = folder_ / ("keys" + std::to_string(++files_) + ".json");
    std::ofstream(path) << text;
    fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write);
    return path.string();
  }
  /// As SPIRE writes them.
  std::string keys_json(const std::map<std::string, crypto::PrivateKey>& keys) {
    std::string text = "{\n\t\"keys\": {";
    for (const auto& [id, key] : keys) {
      const crypto::SecretBytes der = key.to_pkcs8_der();
      text += std::string(text.back() == '{' ? "" : ",") + "\n\t\t\"" + id + "\": \"" +
              crypto::base64_encode(der.view()) + "\"";
    }
    return write(text + "\n\t}\n}");
  }
  static crypto::PrivateKey a_key() {
    return crypto::PrivateKey::generate(crypto::KeyType::kEcP256).value();
  }

  std::optional<KeyImportClient> import_;
  fs::path folder_;
  int files_ = 0;
};

TEST_F(KeyImportSuite, TakesAllKeysOfAFileWhenItIsToldTo) {
  const std::map<std::string, crypto::PrivateKey> theirs = {{"conformance-taken-1", a_key()},
                                                            {"conformance-taken-2", a_key()}};
  const std::string file = keys_json(theirs);
  for (const bool take : {false, true, true}) {  // the last time they are there already
    std::vector<KeyInfo> keys;
    const Status done = import_->from_file(file, take, keys);
    ASSERT_TRUE(done.ok()) << done.to_string();
    ASSERT_EQ(keys.size(), 2u);
    for (const KeyInfo& key : keys) {
      EXPECT_EQ(crypto::as_text(theirs.at(key.key_id).public_key().spki()), key.public_key);
      if (take) {
        signs_as(*keys_, key);
      } else {
        EXPECT_EQ(listed(*keys_).count(key.key_id), 0u) << "looked at, and not taken";
      }
    }
  }
}

TEST_F(KeyImportSuite, AnotherKeyOfOneNameIsKeptAndNothingIsTaken) {
  const KeyInfo ours = must_generate("conformance-ours");
  const std::string file =
      keys_json({{"conformance-ours", a_key()}, {"conformance-left", a_key()}});
  std::vector<KeyInfo> keys;
  EXPECT_EQ(import_->from_file(file, true, keys).code(), Code::kAlreadyExists);
  EXPECT_EQ(keys.size(), 2u) << "what is in the file is told all the same";
  EXPECT_EQ(listed(*keys_).count("conformance-left"), 0u);
  EXPECT_EQ(listed(*keys_)["conformance-ours"].public_key, ours.public_key);
  signs_as(*keys_, ours);
}

TEST_F(KeyImportSuite, NoFileAndADamagedOneAreErrors) {
  const auto before = listed(*keys_).size();
  std::vector<KeyInfo> keys;
  EXPECT_EQ(import_->from_file((folder_ / "none").string(), true, keys).code(), Code::kNotFound);
  EXPECT_FALSE(fs::exists(folder_ / "none"));
  for (const char* text : {"", "{", "[]", R"({"keys": {"conformance-bad": "AAAA"}})",
                           R"({"keys": {"conformance-bad": 1}})"}) {
    EXPECT_EQ(import_->from_file(write(text), true, keys).code(), Code::kInvalidArgument) << text;
  }
  EXPECT_EQ(listed(*keys_).size(), before);
}

// ---- The last one: it stops the plugin.

class KeyRestartSuite : public KeyManagerSuite {};

TEST_F(KeyRestartSuite, KeysAreThereAfterwards) {
  if (keeps_keys() != "yes") GTEST_SKIP() << "without --keeps-keys yes";
  const KeyInfo key = must_generate("conformance-durable");
  const auto before = listed(*keys_);
  keys_.reset();
  scope().stop();
  static auto* const again = new ScopeUnderTest(plugin());  // never deleted, as the program's
  ASSERT_TRUE(again->status().ok()) << again->status().to_string();
  const auto keys = KeyManagerClient::acquire(again->host());
  ASSERT_TRUE(keys.ok()) << keys.status().to_string();
  const auto after = listed(*keys);
  ASSERT_EQ(after.size(), before.size());
  for (const auto& [id, info] : before) {
    const auto found = after.find(id);
    ASSERT_NE(found, after.end()) << id;
    EXPECT_EQ(found->second.public_key, info.public_key) << id;
    EXPECT_EQ(found->second.key_type, info.key_type) << id;
  }
  signs_as(*keys, key);
  again->remove_folder();
}

}  // namespace
}  // namespace signet::conformance

int main(int argc, char** argv) {
  return signet::conformance::run_suite(argc, argv, signet::conformance::plugin(), [] {},
                                        {{"--keeps-keys", &signet::conformance::keeps_keys()}});
}
