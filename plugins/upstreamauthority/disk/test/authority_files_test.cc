#include "authority_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ca_files.h"

namespace signet::disk_upstream {
namespace {

using testing::HasSubstr;

class AuthorityFilesTest : public testing::Test {
 protected:
  Result<AuthorityFiles> load(bool bundle = false, std::int64_t now = kNow) {
    return AuthorityFiles::load(folder_.config(bundle), x509::from_unix(now));
  }
  void refuses(const char* words, bool bundle = false, std::int64_t now = kNow) {
    const auto files = load(bundle, now);
    ASSERT_FALSE(files.ok());
    EXPECT_THAT(files.status().message(), HasSubstr(words));
  }
  CaFolder folder_;
};

TEST_F(AuthorityFilesTest, TakesASelfSignedCaAsItsOwnRoot) {
  const Ca root = make_root();
  folder_.write(root);
  const auto files = load();
  ASSERT_TRUE(files.ok()) << files.status().to_string();
  EXPECT_EQ(files->ca(), root.certificate);
  EXPECT_EQ(files->roots, std::vector{root.certificate});
  EXPECT_TRUE(files->intermediates().empty());
  EXPECT_TRUE(files->warnings.empty());
}

TEST_F(AuthorityFilesTest, TakesAnIntermediateWithItsBundle) {
  const Ca root = make_root();
  const Ca upper = make_intermediate(root);
  const Ca lower = make_intermediate(upper);
  folder_.write(lower);
  folder_.write("cert.pem", x509::write_pem({lower.certificate, upper.certificate}));
  folder_.write("bundle.pem", x509::write_pem({make_root().certificate, root.certificate}));
  const auto files = load(true);
  ASSERT_TRUE(files.ok()) << files.status().to_string();
  EXPECT_EQ(files->intermediates(), (std::vector{lower.certificate, upper.certificate}));
  EXPECT_EQ(files->roots.size(), 2u);
}

TEST_F(AuthorityFilesTest, ARootIsNotPutIntoChains) {
  const Ca root = make_root();
  folder_.write(root);
  folder_.write("bundle.pem", x509::write_pem(root.certificate));
  EXPECT_TRUE(load(true)->intermediates().empty());
}

TEST_F(AuthorityFilesTest, RefusesAnIntermediateWithoutABundle) {
  folder_.write(make_intermediate(make_root()));
  refuses("self-signed");
}

TEST_F(AuthorityFilesTest, RefusesACaThatLeadsToNoRoot) {
  folder_.write(make_intermediate(make_root()));
  folder_.write("bundle.pem", x509::write_pem(make_root().certificate));
  refuses("does not lead to a root", true);
}

TEST_F(AuthorityFilesTest, RefusesAKeyOfAnotherCertificate) {
  folder_.write(make_root());
  folder_.write_key(make_root().key);
  refuses("do not belong together");
}

TEST_F(AuthorityFilesTest, RefusesAnExpiredAndAFutureCa) {
  folder_.write(make_root(std::chrono::hours(1)));
  refuses("expired", false, kNow + 3600);
  refuses("not valid yet", false, kNow - 3600);
}

TEST_F(AuthorityFilesTest, RefusesACertificateThatIsNoCaOrMayNotHaveOneBelow) {
  const Ca root = make_root();
  x509::CertificateTemplate leaf;
  leaf.serial = {1};
  leaf.issuer = leaf.subject = x509::Name::spiffe().encode();
  leaf.not_before = x509::from_unix(kNow);
  leaf.not_after = x509::from_unix(kNow + 60);
  leaf.spki = root.key.public_key().spki();
  leaf.basic_constraints = x509::BasicConstraints{false, std::nullopt, true};
  const auto write = [&] {
    const auto der = x509::sign_certificate(leaf, crypto::PrivateKeySigner(root.key));
    folder_.write({root.key, x509::Certificate::parse(*der).value()});
  };
  write();
  refuses("not a CA");
  leaf.basic_constraints = x509::BasicConstraints{true, 0u, true};
  write();
  refuses("path length 0");
  leaf.basic_constraints = x509::BasicConstraints{true, std::nullopt, true};
  leaf.key_usage = x509::kDigitalSignature;
  write();
  refuses("keyCertSign");
}

TEST_F(AuthorityFilesTest, RefusesAKeyThatOthersCanReplaceAndTellsOfOneTheyCanRead) {
  const Ca root = make_root();
  folder_.write(root);
  folder_.write_key(root.key, 0660);
  refuses("overwritten");
  folder_.write_key(root.key, 0640);
  ASSERT_TRUE(load().ok());
  EXPECT_EQ(load()->warnings.size(), 1u);
}

TEST_F(AuthorityFilesTest, NamesTheFileThatIsMissingOrDamaged) {
  refuses("cert_file_path");
  folder_.write(make_root());
  folder_.write("key.pem", "not a key");
  refuses("key_file_path");
  folder_.write(make_root());
  folder_.write("bundle.pem", "-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----\n");
  refuses("bundle_file_path", true);
}

}  // namespace
}  // namespace signet::disk_upstream
