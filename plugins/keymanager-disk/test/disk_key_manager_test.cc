#include "disk_key_manager.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <signal.h>
#include <string>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>
#include <sys/resource.h>

#include "signet/testing/fake_host.h"

namespace signet::keymanager {
namespace {

namespace fs = std::filesystem;

class DiskPlugin : public testing::Test {
 protected:
  DiskPlugin() {
    std::string pattern = (fs::temp_directory_path() / "keymanager_disk_XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
  }
  ~DiskPlugin() override { fs::remove_all(folder_); }

  fs::path file() const { return folder_ / "state" / "keys.json"; }
  Status configure(DiskKeyManager& plugin, const fs::path& keys_file) {
    fakes::FakeCall abi;
    Call call(abi.abi());
    return plugin.configure(call, "{\"keys_path\": \"" + keys_file.string() + "\"}");
  }
  std::unique_ptr<DiskKeyManager> started() {
    auto plugin = std::make_unique<DiskKeyManager>(Host(host_.abi()), "disk");
    const Status status = configure(*plugin, file());
    EXPECT_TRUE(status.ok()) << status.to_string();
    return plugin;
  }
  std::string content() {
    std::ifstream in(file());
    return {std::istreambuf_iterator<char>(in), {}};
  }

  fakes::FakeHost host_;
  fs::path folder_;
};

TEST_F(DiskPlugin, KeepsItsKeysOverARestart) {
  const auto key = started()->generate("x509-CA-A", SIGNET_KEY_EC_P256);
  ASSERT_TRUE(key.ok()) << key.status().to_string();
  const auto keys = started()->list();
  ASSERT_TRUE(keys.ok());
  ASSERT_EQ(keys->size(), 1u);
  EXPECT_EQ(keys->front().key_id, "x509-CA-A");
  EXPECT_EQ(keys->front().public_key, key->public_key);
}

TEST_F(DiskPlugin, HasWrittenAKeyBeforeItIsAnswered) {
  const auto plugin = started();
  ASSERT_TRUE(plugin->generate("a", SIGNET_KEY_EC_P256).ok());
  const std::string first = content();
  ASSERT_TRUE(plugin->generate("a", SIGNET_KEY_EC_P256).ok());
  EXPECT_FALSE(first.empty());
  EXPECT_NE(content(), first);
}

TEST_F(DiskPlugin, KeepsTheOldKeysOnAFullDisk) {
  const auto plugin = started();
  const auto old = plugin->generate("a", SIGNET_KEY_EC_P256);
  ASSERT_TRUE(old.ok());
  const std::string before = content();

  // A limit of some bytes per file fails a write in its middle, as a full disk does.
  const auto handler = ::signal(SIGXFSZ, SIG_IGN);
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &limit), 0);
  const rlimit tiny{50, limit.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &tiny), 0);
  const auto failed = plugin->generate("a", SIGNET_KEY_EC_P256);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  ::signal(SIGXFSZ, handler);

  EXPECT_EQ(failed.status().code(), Code::kUnavailable);
  EXPECT_NE(failed.status().message().find("keys.json.tmp"), std::string::npos);
  EXPECT_EQ(content(), before);
  EXPECT_FALSE(fs::exists(file().string() + ".tmp"));
  EXPECT_EQ(plugin->list()->front().public_key, old->public_key);
  EXPECT_TRUE(plugin->generate("a", SIGNET_KEY_EC_P256).ok()) << "it recovers by itself";
}

TEST_F(DiskPlugin, KeepsTheOldKeysWhenItsFolderIsGone) {
  const auto plugin = started();
  ASSERT_TRUE(plugin->generate("a", SIGNET_KEY_EC_P256).ok());
  fs::remove_all(folder_ / "state");
  EXPECT_EQ(plugin->generate("b", SIGNET_KEY_EC_P256).status().code(), Code::kUnavailable);
  EXPECT_EQ(plugin->list()->size(), 1u);
}

TEST_F(DiskPlugin, RefusesToStartOnADamagedFile) {
  fs::create_directory(folder_ / "state");
  std::ofstream(file()) << "{\"keys\": {\"a\": \"AA";
  DiskKeyManager plugin(Host(host_.abi()), "disk");
  const Status status = configure(plugin, file());
  EXPECT_EQ(status.code(), Code::kInvalidArgument);
  EXPECT_NE(status.message().find(file().string()), std::string::npos);
  EXPECT_EQ(plugin.list().status().code(), Code::kFailedPrecondition);
}

TEST_F(DiskPlugin, RefusesToStartWhereItCannotWrite) {
  std::ofstream(folder_ / "state") << "a file where the folder should be";
  DiskKeyManager plugin(Host(host_.abi()), "disk");
  EXPECT_EQ(configure(plugin, file()).code(), Code::kUnavailable);
}

TEST_F(DiskPlugin, StaysWithItsFileWhileRunning) {
  const auto plugin = started();
  ASSERT_TRUE(plugin->generate("a", SIGNET_KEY_EC_P256).ok());
  EXPECT_TRUE(configure(*plugin, file()).ok());
  EXPECT_EQ(configure(*plugin, folder_ / "other.json").code(), Code::kFailedPrecondition);
  EXPECT_EQ(plugin->list()->size(), 1u);
}

// ---- Keys of another program

class DiskImport : public DiskPlugin {
 protected:
  // Another key manager's file with keys of these names.
  std::string theirs(const std::vector<std::string>& names) {
    const fs::path path = folder_ / "theirs" / "keys.json";
    DiskKeyManager other(Host(host_.abi()), "disk");
    EXPECT_TRUE(configure(other, path).ok());
    for (const std::string& name : names) {
      EXPECT_TRUE(other.generate(name, SIGNET_KEY_EC_P256).ok());
    }
    return path.string();
  }
  static std::string text(const fs::path& path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
  }
};

TEST_F(DiskImport, LooksThenTakesAllAndLeavesTheFile) {
  const std::string path = theirs({"x509-CA-A", "JWT-Signer-A"});
  const std::string before = text(path);
  const auto plugin = started();
  const auto look = plugin->import_keys(path, false);
  ASSERT_TRUE(look.ok()) << look.status().to_string();
  EXPECT_TRUE(look->taken.ok());
  EXPECT_EQ(look->keys.size(), 2u);
  EXPECT_TRUE(plugin->list()->empty());
  for (int i = 0; i < 2; ++i) {  // the second time they are there already
    const auto taken = plugin->import_keys(path, true);
    ASSERT_TRUE(taken.ok());
    EXPECT_TRUE(taken->taken.ok()) << taken->taken.to_string();
  }
  const auto keys = started()->list();
  ASSERT_EQ(keys->size(), 2u) << "they survive a restart";
  EXPECT_EQ(keys->at(1).public_key, look->keys.at(1).public_key);
  EXPECT_EQ(text(path), before);
}

TEST_F(DiskImport, AnotherKeyOfOneNameIsNeverReplaced) {
  const std::string path = theirs({"x509-CA-A", "JWT-Signer-A"});
  const auto plugin = started();
  const auto own = plugin->generate("x509-CA-A", SIGNET_KEY_EC_P256);
  const auto import = plugin->import_keys(path, true);
  ASSERT_TRUE(import.ok());
  EXPECT_EQ(import->taken.code(), Code::kAlreadyExists);
  EXPECT_EQ(import->keys.size(), 2u) << "what was found is told all the same";
  const auto keys = plugin->list();
  ASSERT_EQ(keys->size(), 1u) << "all or none";
  EXPECT_EQ(keys->front().public_key, own->public_key);
}

TEST_F(DiskImport, RefusesItsOwnFileNoFileAndADamagedOne) {
  const auto plugin = started();
  ASSERT_TRUE(plugin->generate("a", SIGNET_KEY_EC_P256).ok());
  EXPECT_EQ(plugin->import_keys(file().string(), true).status().code(), Code::kFailedPrecondition);
  const fs::path link = folder_ / "link";
  fs::create_symlink(file(), link);
  EXPECT_EQ(plugin->import_keys(link.string(), true).status().code(), Code::kFailedPrecondition);
  const fs::path none = folder_ / "none";
  EXPECT_EQ(plugin->import_keys(none.string(), true).status().code(), Code::kNotFound);
  EXPECT_FALSE(fs::exists(none));
  std::ofstream(none) << "{";
  EXPECT_EQ(plugin->import_keys(none.string(), true).status().code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace signet::keymanager
