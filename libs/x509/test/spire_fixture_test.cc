// What SPIRE's own packages wrote, rebuilt by us from its parts and compared byte for byte.
#include <gtest/gtest.h>

#include "crypto/der_reader.h"
#include "pki.h"

namespace signet::x509::test {
namespace {

class SpireFixture : public ::testing::TestWithParam<std::string> {
 protected:
  const nlohmann::json& family() const { return spire()["families"][GetParam()]; }
  Certificate certificate(const char* name) const {
    return Certificate::parse(bytes_of(family()[name])).value();
  }
  Certificate svid(const char* name) const {
    return Certificate::parse(bytes_of(family()["svids"][name])).value();
  }
  crypto::PrivateKeySigner ca_key() const {
    return crypto::PrivateKeySigner(
        crypto::PrivateKey::from_pkcs8_der(bytes_of(family()["ca_key"])).value());
  }
};

// The bytes that do not depend on serial and time: the fixture's own are put into our template.
Bytes with_fixture_values(CertificateTemplate t, const Certificate& fixture,
                          crypto::KeyType signer) {
  t.serial = crypto::to_bytes(fixture.serial());
  t.not_before = fixture.not_before();
  t.not_after = fixture.not_after();
  return build_tbs(t, signer);
}

TEST_P(SpireFixture, SvidsOfEveryKindHaveTheSameBytes) {
  const Certificate ca = certificate("ca");
  const auto signer = std::make_shared<crypto::PrivateKeySigner>(ca_key());
  const SvidIssuer issuer = SvidIssuer::make(ca, signer).value();
  const std::vector<std::string> dns = {"cart.example.org", "*.cart.example.org"};
  for (const char* kind : {"plain", "dns", "subject", "agent", "server"}) {
    const Certificate theirs = svid(kind);
    const Name subject = Name::parse(theirs.subject_raw()).value();
    SvidParams params;
    params.spiffe_id = theirs.uris().at(0);
    params.spki = theirs.spki();
    params.now = theirs.not_before() + kNotBeforeBackdate;
    params.ttl = std::chrono::hours(1);
    if (kind == std::string("dns")) params.dns_names = dns;
    if (kind == std::string("subject")) params.subject = &subject;
    const Certificate ours = Certificate::parse(issuer.issue(params)->der).value();
    // The serial number is random: put theirs into ours by way of the general builder.
    CertificateTemplate t;
    t.issuer = crypto::to_bytes(ours.issuer_raw());
    t.subject = crypto::to_bytes(ours.subject_raw());
    t.spki = crypto::to_bytes(ours.spki());
    t.key_usage = *ours.key_usage();
    t.server_auth = ours.allows_server_auth();
    t.client_auth = ours.allows_client_auth();
    t.basic_constraints = ours.basic_constraints();
    t.subject_key_id = crypto::to_bytes(ours.subject_key_id());
    t.authority_key_id = crypto::to_bytes(ours.authority_key_id());
    t.dns_names = ours.dns_names();
    t.uris = ours.uris();
    EXPECT_EQ(with_fixture_values(t, theirs, signer->key_type()), crypto::to_bytes(theirs.tbs()))
        << kind;
    // And the issuer's own bytes are the general builder's.
    EXPECT_EQ(with_fixture_values(t, ours, signer->key_type()), crypto::to_bytes(ours.tbs()))
        << kind;
    EXPECT_TRUE(theirs.check_signature_from(*ca.public_key()).ok());
  }
}

TEST_P(SpireFixture, AuthorityHasTheSameBytes) {
  const Certificate theirs = certificate("ca");
  const auto key = ca_key();
  CaParams params;
  params.now = theirs.not_before() + kNotBeforeBackdate;
  params.ttl = theirs.not_after() - params.now;
  params.subject.serial_number = theirs.serial_decimal();
  const Certificate ours = self_sign_ca(domain(), params, key).value();
  CertificateTemplate t;
  t.issuer = t.subject = crypto::to_bytes(ours.subject_raw());
  t.spki = crypto::to_bytes(ours.spki());
  t.key_usage = *ours.key_usage();
  t.basic_constraints = ours.basic_constraints();
  t.subject_key_id = crypto::to_bytes(ours.subject_key_id());
  t.authority_key_id = crypto::to_bytes(ours.authority_key_id());
  t.uris = ours.uris();
  EXPECT_EQ(with_fixture_values(t, theirs, key.key_type()), crypto::to_bytes(theirs.tbs()));
  EXPECT_TRUE(check_ca(theirs, domain(), key.spki(), theirs.not_before()).ok());
}

TEST_P(SpireFixture, DownstreamAuthorityHasTheSameNamesAndExtensions) {
  const Certificate theirs = certificate("downstream");
  const Certificate ca = certificate("ca");
  DownstreamCaParams params;
  params.now = theirs.not_before() + kNotBeforeBackdate;
  params.ttl = std::chrono::hours(24 * 365 * 200);
  const Certificate ours =
      sign_downstream_ca(domain(), params, theirs.spki(), ca, ca_key()).value();
  EXPECT_EQ(crypto::to_bytes(ours.subject_raw()), crypto::to_bytes(theirs.subject_raw()));
  EXPECT_EQ(ours.not_after(), theirs.not_after());
  const auto extensions = [](const Certificate& c) {
    const ByteView tbs = c.tbs();
    return crypto::to_bytes(tbs.subspan(c.spki().data() - tbs.data()));
  };
  EXPECT_EQ(extensions(ours), extensions(theirs));
}

TEST_P(SpireFixture, RequestsAreReadAndHaveTheSameBytes) {
  const auto key = crypto::PrivateKey::from_pkcs8_der(bytes_of(family()["key"])).value();
  const auto info = [](ByteView csr) {
    crypto::der::Reader top(csr);
    crypto::der::Reader request = top.sequence();
    return crypto::to_bytes(request.expect_full(crypto::der::kSequence));
  };
  const Bytes agent = bytes_of(family()["agent_csr"]);
  ASSERT_TRUE(Csr::parse_and_verify(agent).ok());
  EXPECT_EQ(info(create_csr({}, key).value()), info(agent));

  const Bytes san = bytes_of(family()["san_csr"]);
  const Csr csr = Csr::parse_and_verify(san).value();
  EXPECT_EQ(csr.uris(), std::vector<std::string>{"spiffe://example.org/ns/shop/sa/cart"});
  EXPECT_EQ(csr.dns_names(), std::vector<std::string>{"cart.example.org"});
  CsrTemplate request;
  request.subject = Name::parse(csr.subject_raw()).value();
  request.uris = csr.uris();
  request.dns_names = csr.dns_names();
  EXPECT_EQ(info(create_csr(request, key).value()), info(san));
}

TEST_P(SpireFixture, PrivateKeysComeBackInTheSameBytes) {
  for (const char* name : {"ca_key", "key"}) {
    const Bytes theirs = bytes_of(family()[name]);
    const auto key = crypto::PrivateKey::from_pkcs8_der(theirs).value();
    EXPECT_EQ(crypto::to_bytes(key.to_pkcs8_der().view()), theirs) << name;
  }
}

std::string family_name(const ::testing::TestParamInfo<std::string>& family) {
  std::string name = family.param;
  name[name.find('-')] = '_';
  return name;
}
INSTANTIATE_TEST_SUITE_P(Keys, SpireFixture, ::testing::Values("ec-p256", "ec-p384", "rsa-2048"),
                         family_name);

}  // namespace
}  // namespace signet::x509::test
