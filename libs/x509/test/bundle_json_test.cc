#include "x509/bundle_json.h"

#include <gtest/gtest.h>

#include "pki.h"
#include "x509/pem.h"
#include "x509/strict_json.h"

namespace signet::x509::test {
namespace {

TEST(BundleJson, WritesTheBytesThatSpireWrites) {
  const std::string theirs = spire()["bundle"];
  const Bundle bundle = read_bundle_json(domain(), theirs, BundleReading::kStrict).value();
  EXPECT_EQ(bundle.x509_authorities.size(), 1u);
  EXPECT_EQ(bundle.jwt_authorities.at(0).key_id, "a&<key>");
  EXPECT_EQ(bundle.sequence_number, 18446744073709551615u);
  EXPECT_EQ(bundle.refresh_hint, 300);
  EXPECT_EQ(write_bundle_json(bundle).value(), theirs);
}

TEST(BundleJson, WritesKeySetsAsTheWorkloadApiSendsThem) {
  const std::string theirs = spire()["jwks"];
  const auto authorities = read_jwks(theirs).value();
  EXPECT_EQ(write_jwks(authorities).value(), theirs);
  EXPECT_EQ(write_jwks({}).value(), spire()["empty_jwks"].get<std::string>());
}

TEST(BundleJson, KeySetsComeOutSorted) {
  const Bytes spki = new_key().public_key().spki();
  EXPECT_EQ(write_jwks({{"b", spki, 0, false}, {"a", spki, 0, false}}).value(),
            write_jwks({{"a", spki, 0, false}, {"b", spki, 0, false}}).value());
}

TEST(BundleJson, RsaAndEveryCurveRoundTrip) {
  for (auto type : {crypto::KeyType::kEcP384, crypto::KeyType::kRsa2048}) {
    Bundle bundle(domain());
    bundle.jwt_authorities = {
        {"k", crypto::PrivateKey::generate(type)->public_key().spki(), 0, false}};
    const std::string text = write_bundle_json(bundle).value();
    EXPECT_EQ(read_bundle_json(domain(), text, BundleReading::kStrict).value(), bundle);
  }
}

TEST(BundleJson, RefusesDuplicateMembersDepthAndSize) {
  const auto strict = [](std::string_view text) {
    return read_bundle_json(domain(), text, BundleReading::kTolerant).status();
  };
  EXPECT_FALSE(strict(R"({"keys":[],"keys":[]})").ok());
  EXPECT_FALSE(strict(R"({"keys":[{"use":"x","use":"y"}]})").ok());
  EXPECT_TRUE(strict(R"({"keys":[],"other":{"keys":1}})").ok());
  EXPECT_FALSE(
      strict(R"({"keys":[],"a":)" + std::string(40, '[') + std::string(40, ']') + "}").ok());
  EXPECT_FALSE(strict(R"({"keys":[]} )" + std::string(kMaxBundleJsonBytes, ' ')).ok());
  EXPECT_FALSE(strict(R"({"keys":[]}x)").ok());
  EXPECT_FALSE(strict("{\"keys\":[],\"a\":\"\xff\"}").ok());
}

TEST(BundleJson, StrictReaderNamesTheEntryItRefuses) {
  const auto message = [](std::string_view text) {
    return read_bundle_json(domain(), text, BundleReading::kStrict).status().message();
  };
  EXPECT_EQ(message(R"({"keys":[{"kty":"EC"}]})"), "key entry 0: missing use for key entry 0");
  EXPECT_EQ(message(R"({"keys":[{"use":"sig"}]})"),
            "key entry 0: unrecognized use \"sig\" for key entry 0");
}

TEST(BundleJson, RefusesACertificateOfAnotherKey) {
  Authority a;
  Authority b;
  Bundle bundle(domain());
  bundle.x509_authorities = {{a.certificate, false}};
  std::string text = write_bundle_json(bundle).value();
  const std::string from = crypto::base64_encode(a.certificate.der());
  text.replace(text.find(from), from.size(), crypto::base64_encode(b.certificate.der()));
  EXPECT_FALSE(read_bundle_json(domain(), text, BundleReading::kStrict).ok());
}

TEST(Pem, CertificatesRoundTripAndErrorsNameTheirPlace) {
  Authority a;
  Authority b;
  const std::string text = write_pem(std::vector{a.certificate, b.certificate});
  EXPECT_EQ(read_pem_certificates("# roots\n" + text).value(),
            (std::vector{a.certificate, b.certificate}));
  EXPECT_FALSE(read_pem_certificates("").ok());
  std::string broken = text;
  broken[broken.rfind("BEGIN") + 100] = '!';
  EXPECT_NE(read_pem_certificates(broken).status().message().find("line"), std::string::npos);
  const auto key = new_key().to_pem();
  EXPECT_NE(
      read_pem_certificates(text + std::string(key.text())).status().message().find("PEM block 2"),
      std::string::npos);
}

}  // namespace
}  // namespace signet::x509::test
