#include "cli/print_bundle.h"

#include <gtest/gtest.h>

#include "crypto/signer.h"
#include "x509/ca.h"

namespace signet::server::cli {
namespace {

namespace types = ::spire::api::types;

types::Bundle sample() {
  const auto key = crypto::PrivateKey::generate(crypto::KeyType::kEcP256).value();
  const crypto::PrivateKeySigner signer(key);
  x509::CaParams params;
  params.now = x509::from_unix(1700000000);
  const auto ca =
      x509::self_sign_ca(TrustDomain::parse("other.org").value(), params, signer).value();
  types::Bundle bundle;
  bundle.set_trust_domain("other.org");
  bundle.add_x509_authorities()->set_asn1(crypto::to_string(ca.der()));
  auto* jwt = bundle.add_jwt_authorities();
  jwt->set_key_id("kid");
  jwt->set_public_key(crypto::to_string(key.public_key().spki()));
  bundle.set_sequence_number(3);
  bundle.set_refresh_hint(60);
  return bundle;
}

TEST(BundleText, BothFormsReadBack) {
  const types::Bundle bundle = sample();
  const auto document = bundle_text(bundle, "SPIFFE", false);
  ASSERT_TRUE(document.ok()) << document.status().message();
  const auto whole = read_bundle(*document, "spiffe", "spiffe://other.org");
  ASSERT_TRUE(whole.ok()) << whole.status().message();
  EXPECT_EQ(whole->SerializeAsString(), bundle.SerializeAsString());

  const auto pem = bundle_text(bundle, "", false);
  ASSERT_TRUE(pem.ok());
  const auto roots = read_bundle(*pem, "pem", "other.org");
  ASSERT_TRUE(roots.ok()) << roots.status().message();
  EXPECT_EQ(roots->x509_authorities(0).asn1(), bundle.x509_authorities(0).asn1());
  EXPECT_TRUE(roots->jwt_authorities().empty());
}

TEST(BundleText, TheHeaderIsABoxWithTheName) {
  types::Bundle bundle;
  bundle.set_trust_domain("other.org");
  EXPECT_EQ(*bundle_text(bundle, "pem", true),
            "****************************************\n"
            "* other.org\n"
            "****************************************\n");
  EXPECT_EQ(bundle_text(bundle, "DER", true).status().message(), "invalid format: \"der\"");
}

TEST(ReadBundle, SaysWhatIsWrong) {
  EXPECT_EQ(read_bundle("text", "pem", "x").status().message(),
            "unable to parse bundle data: no PEM blocks");
  EXPECT_EQ(read_bundle("{}", "spiffe", "x.org").status().message(),
            "unable to parse to spiffe bundle: spiffebundle: no authorities found");
}

TEST(ReadBundle, KeysForAnotherUseAreLeftOut) {
  const auto bundle =
      read_bundle(R"({"keys": [{"kty": "EC", "use": "sig"}, {"kty": "oct"}]})", "spiffe", "x.org");
  ASSERT_TRUE(bundle.ok()) << bundle.status().message();
  EXPECT_TRUE(bundle->x509_authorities().empty() && bundle->jwt_authorities().empty());
}

}  // namespace
}  // namespace signet::server::cli
