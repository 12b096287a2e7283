#include "file_publisher.h"

#include <filesystem>
#include <fstream>
#include <stdlib.h>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "signet/testing/fake_host.h"

#include "x509/bundle_json.h"
#include "x509/ca.h"
#include "x509/pem.h"

namespace signet::file_publisher {
namespace {

class FilePublisherTest : public testing::Test {
 protected:
  FilePublisherTest() : plugin_(Host(host_.abi()), "file") {
    host_.offer(SIGNET_BUNDLE_PUBLISHER, to_abi(static_cast<Plugin*>(&plugin_)),
                FilePublisher::service(SIGNET_BUNDLE_PUBLISHER));
    char name[] = "/tmp/publisher-XXXXXX";
    folder_ = ::mkdtemp(name);
  }
  ~FilePublisherTest() override { std::filesystem::remove_all(folder_); }

  Status configure(const std::string& more) {
    fakes::FakeCall abi;
    Call call(abi.abi());
    return plugin_.configure(call, "{\"path\": \"" + path() + "\"" + more + "}");
  }
  std::string path() const { return folder_ / "bundle"; }
  Status publish(const PublishedBundle& bundle) {
    return BundlePublisherClient::acquire(Host(host_.abi()))->publish(Host(host_.abi()), bundle);
  }
  std::string read() const {
    std::ifstream file(path());
    return {std::istreambuf_iterator<char>(file), {}};
  }
  static PublishedBundle bundle() {
    const auto key = crypto::PrivateKey::generate(crypto::KeyType::kEcP256).value();
    x509::CaParams params;
    params.now = x509::from_unix(1800000000);
    const auto ca = x509::self_sign_ca(TrustDomain::parse("example.org").value(), params,
                                       crypto::PrivateKeySigner(key))
                        .value();
    return {"example.org",
            7,
            300,
            {crypto::to_string(ca.der())},
            {{"kid-1", crypto::to_string(key.public_key().spki()), 0}}};
  }

  fakes::FakeHost host_;
  FilePublisher plugin_;
  std::filesystem::path folder_;
};

TEST_F(FilePublisherTest, WritesTheBundleDocument) {
  ASSERT_TRUE(configure(R"(, "format": "spiffe")").ok());
  const PublishedBundle published = bundle();
  const Status done = publish(published);
  ASSERT_TRUE(done.ok()) << done.to_string();
  const auto read_back = x509::read_bundle_json(TrustDomain::parse("example.org").value(), read(),
                                                x509::BundleReading::kStrict);
  ASSERT_TRUE(read_back.ok()) << read_back.status().to_string();
  EXPECT_EQ(read_back->sequence_number, 7u);
  EXPECT_EQ(read_back->refresh_hint, 300);
  ASSERT_EQ(read_back->x509_authorities.size(), 1u);
  EXPECT_EQ(crypto::to_string(read_back->x509_authorities[0].certificate.der()),
            published.roots[0]);
  EXPECT_EQ(read_back->jwt_authorities.at(0).key_id, "kid-1");
}

TEST_F(FilePublisherTest, TheHintIsTheSettingsIfThereIsOne) {
  ASSERT_TRUE(configure(R"(, "format": "spiffe", "refresh_hint": "1m")").ok());
  ASSERT_TRUE(publish(bundle()).ok());
  EXPECT_NE(read().find("\"spiffe_refresh_hint\": 60"), std::string::npos) << read();
}

TEST_F(FilePublisherTest, JwksHasNeitherSequenceNorHint) {
  ASSERT_TRUE(configure(R"(, "format": "jwks")").ok());
  ASSERT_TRUE(publish(bundle()).ok());
  EXPECT_EQ(read().find("spiffe_"), std::string::npos);
  EXPECT_NE(read().find("jwt-svid"), std::string::npos);
}

TEST_F(FilePublisherTest, PemHasTheX509AuthoritiesAlone) {
  ASSERT_TRUE(configure(R"(, "format": "pem")").ok());
  const PublishedBundle published = bundle();
  ASSERT_TRUE(publish(published).ok());
  const auto certificates = x509::read_pem_certificates(read());
  ASSERT_TRUE(certificates.ok());
  EXPECT_EQ(crypto::to_string(certificates->at(0).der()), published.roots[0]);
}

TEST_F(FilePublisherTest, ReplacesTheFileAndLeavesItAloneWhenNothingChanged) {
  ASSERT_TRUE(configure(R"(, "format": "spiffe")").ok());
  const PublishedBundle first = bundle();
  ASSERT_TRUE(publish(first).ok());
  struct stat one {
  }, two{}, three{};
  ASSERT_EQ(::stat(path().c_str(), &one), 0);
  EXPECT_EQ(one.st_mode & 0777, 0644u);
  ASSERT_TRUE(publish(first).ok());
  ASSERT_EQ(::stat(path().c_str(), &two), 0);
  EXPECT_EQ(one.st_ino, two.st_ino);
  ASSERT_TRUE(publish(bundle()).ok());
  ASSERT_EQ(::stat(path().c_str(), &three), 0);
  EXPECT_NE(one.st_ino, three.st_ino) << "another file took the name";
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1);
}

TEST_F(FilePublisherTest, SettingsThatAreNotGoodAndBundlesThatCannotBeReadAreRefused) {
  EXPECT_EQ(configure(R"(, "format": "der")").code(), Code::kInvalidArgument);
  EXPECT_EQ(configure("").code(), Code::kInvalidArgument);
  EXPECT_EQ(configure(R"(, "format": "pem", "refresh_hint": "soon")").code(),
            Code::kInvalidArgument);
  ASSERT_TRUE(configure(R"(, "format": "pem")").ok());
  EXPECT_FALSE(publish({"example.org", 1, 0, {"no certificate"}, {}}).ok());
  EXPECT_FALSE(std::filesystem::exists(path()));
}

}  // namespace
}  // namespace signet::file_publisher
