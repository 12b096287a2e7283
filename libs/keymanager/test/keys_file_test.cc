#include "keymanager/keys_file.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <string>
#include <unistd.h>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "crypto/encoding.h"
#include "keymanager/private_file.h"

namespace signet::keymanager {
namespace {

namespace fs = std::filesystem;

class KeysFile : public testing::Test {
 protected:
  KeysFile() {
    std::string pattern = (fs::temp_directory_path() / "keys_file_XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    path_ = folder_ / "keys.json";
  }
  ~KeysFile() override { fs::remove_all(folder_); }

  void write(std::string_view text) { std::ofstream(path_) << text; }
  std::string read() {
    std::ifstream in(path_);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  std::string problem() {
    const auto keys = load_keys_file(path_);
    EXPECT_FALSE(keys.ok());
    EXPECT_EQ(keys.status().code(), Code::kInvalidArgument);
    return keys.status().message();
  }

  fs::path folder_;
  fs::path path_;
};

// Made for this test by OpenSSL: openssl genpkey -algorithm EC -pkeyopt
// ec_paramgen_curve:P-256 | openssl pkcs8 -topk8 -nocrypt -outform DER | base64; its public half by
// openssl pkey -pubout; and the same for P-521, a curve that key managers do not have.
constexpr std::string_view kP256 =
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgTArMFuGOD7+4+6EVQS8udYJX1SIOvX91"
    "qnsKFKY/hiahRANCAAS4n2VWwKTYqJYntLc+xvJ3gLmCdi5WEuR0DjDKTYdamkYwGGO+que/D9kMm7Ys"
    "5REjwepTXBWgCAgN3K35Yh3X";
constexpr std::string_view kP256Public =
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEuJ9lVsCk2KiWJ7S3Psbyd4C5gnYuVhLkdA4wyk2HWppG"
    "MBhjvqrnvw/ZDJu2LOURI8HqU1wVoAgIDdyt+WId1w==";
constexpr std::string_view kP521 =
    "MIHuAgEAMBAGByqGSM49AgEGBSuBBAAjBIHWMIHTAgEBBEIAXX/ltWYG0PYUsuMw7u9K9lxEKWBym47b"
    "U9u/Qcx+bKBBHls14ZCgQW3Hjp28XGm4HIpxRbYTE6F7cnfKyAbb/juhgYkDgYYABADulXNlhwy8VtLg"
    "oOGeuHIVTPb+FPghvNoj/ZPVg83WyXD/eJzmtdQ7VQjccQew9auVkqDrRJo/CASrnQ7/YZgk6AEaWrP5"
    "/kqLwofqCcKpSPxp6zphOO1WpPqZenNyiHqkWeTDip21qnXybbCHp1Yljgwj7L5Ompe47je7sJev6o6K"
    "6g==";

TEST_F(KeysFile, ReadsKeysMadeByOthers) {
  write("{\"keys\":{\"x509-CA-A\":\"" + std::string(kP256) + "\"}}");
  const auto keys = load_keys_file(path_);
  ASSERT_TRUE(keys.ok()) << keys.status().to_string();
  EXPECT_EQ(crypto::base64_encode(keys->at("x509-CA-A").public_key().spki()), kP256Public);
}

TEST_F(KeysFile, RefusesATypeOfKeyThatKeyManagersDoNotHave) {
  write("{\"keys\":{\"x509-CA-A\":\"" + std::string(kP521) + "\"}}");
  EXPECT_NE(problem().find("key \"x509-CA-A\": unsupported key type"), std::string::npos);
}

TEST_F(KeysFile, IsWrittenInSpiresFormAndReadBack) {
  Keys keys;
  keys.emplace("b\"", *crypto::PrivateKey::generate(crypto::KeyType::kEcP256));
  keys.emplace("a", *crypto::PrivateKey::generate(crypto::KeyType::kEcP384));
  ASSERT_TRUE(save_keys_file(path_, keys).ok());
  const std::regex form(
      "\\{\n\t\"keys\": \\{\n\t\t\"a\": \"[A-Za-z0-9+/=]+\",\n\t\t\"b\\\\\"\": "
      "\"[A-Za-z0-9+/=]+\"\n\t\\}\n\\}");
  EXPECT_TRUE(std::regex_match(read(), form)) << read();
  struct stat info {};
  ASSERT_EQ(::stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600u);

  const auto loaded = load_keys_file(path_);
  ASSERT_TRUE(loaded.ok()) << loaded.status().to_string();
  ASSERT_EQ(loaded->size(), 2u);
  EXPECT_EQ(loaded->at("a").public_key(), keys.at("a").public_key());
  EXPECT_EQ(loaded->at("b\"").public_key(), keys.at("b\"").public_key());
}

TEST_F(KeysFile, MayBeMissingOrEmptyOfKeys) {
  EXPECT_EQ(load_keys_file(path_)->size(), 0u);
  write(R"({"keys": null})");
  EXPECT_EQ(load_keys_file(path_)->size(), 0u);
  write(R"({})");
  EXPECT_EQ(load_keys_file(path_)->size(), 0u);
  ASSERT_TRUE(save_keys_file(path_, {}).ok());
  EXPECT_EQ(read(), "{\n\t\"keys\": {}\n}");
  EXPECT_EQ(load_keys_file(path_)->size(), 0u);
}

TEST_F(KeysFile, IgnoresMembersItDoesNotKnow) {
  write(R"({"version": 3, "more": {"keys": {"a": [1, {"b": null}]}}, "list": ["x", {"keys": 1}]})");
  const auto keys = load_keys_file(path_);
  ASSERT_TRUE(keys.ok()) << keys.status().to_string();
  EXPECT_EQ(keys->size(), 0u);
}

TEST_F(KeysFile, NamesTheFileAndTheDamage) {
  write("");
  EXPECT_NE(problem().find("keys file " + path_.string() + " is damaged: not JSON"),
            std::string::npos);
  write(R"({"keys": {"a": "TUlH)");
  EXPECT_NE(problem().find("not JSON"), std::string::npos);
  EXPECT_EQ(problem().find("TUlH"), std::string::npos) << "part of a key is shown";
  write(R"([])");
  EXPECT_NE(problem().find("the top is an array"), std::string::npos);
  write(R"({"keys": []})");
  EXPECT_NE(problem().find("\"keys\" is an array"), std::string::npos);
  write(R"({"keys": {"a": 7}})");
  EXPECT_NE(problem().find("key \"a\" is a number"), std::string::npos);
  write(R"({"keys": {"a": {}}})");
  EXPECT_NE(problem().find("key \"a\" is not a string"), std::string::npos);
  write(R"({"keys": {"a": "?"}})");
  EXPECT_NE(problem().find("key \"a\" is not base64"), std::string::npos);
  write(R"({"keys": {"a": "AAAA"}})");
  EXPECT_NE(problem().find("key \"a\": "), std::string::npos);
}

TEST_F(KeysFile, MustBeARegularFileOfModestSize) {
  fs::create_directory(path_);
  EXPECT_NE(problem().find("not a regular file"), std::string::npos);
  fs::remove(path_);
  write("");
  fs::resize_file(path_, kMaxKeysFileSize + 1);
  EXPECT_NE(problem().find("larger than"), std::string::npos);
}

TEST_F(KeysFile, StaysAsItWasWhenItCannotBeReplaced) {
  write("old");
  fs::create_directories(folder_ / "keys.json.tmp" / "in the way");
  const Status status = save_keys_file(path_, {});
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_EQ(read(), "old");
}

TEST_F(KeysFile, IsNotWrittenThroughALinkLaidAtTheTemporaryName) {
  const fs::path victim = folder_ / "victim";
  std::ofstream(victim) << "precious";
  fs::create_symlink(victim, folder_ / "keys.json.tmp");
  ASSERT_TRUE(save_keys_file(path_, {}).ok());
  EXPECT_EQ(fs::file_size(victim), 8u);
  EXPECT_FALSE(fs::exists(fs::symlink_status(folder_ / "keys.json.tmp")));
}

TEST_F(KeysFile, FolderIsMadePrivateAndProbed) {
  const fs::path folder = folder_ / "a" / "b";
  ASSERT_TRUE(ensure_private_folder(folder).ok());
  struct stat info {};
  ASSERT_EQ(::stat(folder.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u);
  EXPECT_TRUE(fs::is_empty(folder));
  EXPECT_TRUE(ensure_private_folder(folder).ok());
  write("a file");
  EXPECT_EQ(ensure_private_folder(path_ / "below").code(), Code::kUnavailable);
}

}  // namespace
}  // namespace signet::keymanager
