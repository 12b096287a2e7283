// The numbered rules of the SPIFFE conformance checklist that this library decides: X509-SVIDs
// (14-24) and bundles (34-42).
#include <gtest/gtest.h>

#include "pki.h"
#include "x509/bundle_json.h"

namespace signet::x509::test {
namespace {

class Conformance : public ::testing::Test {
 protected:
  Authority root_;
  crypto::PrivateKey key_ = new_key();

  CertificateTemplate leaf() const { return root_.leaf_template(key_); }
  Status judge(const CertificateTemplate& t) const { return judge({root_.sign(t)}); }
  Status judge(const std::vector<Certificate>& chain) const {
    return verify_svid(chain, domain(), RootPool(std::vector{root_.certificate}), {kNow}).status();
  }
  static Result<Bundle> tolerant(std::string_view json) {
    return read_bundle_json(domain(), json, BundleReading::kTolerant);
  }
};

TEST_F(Conformance, Rule14_ExactlyOneUriSan) {
  CertificateTemplate t = leaf();
  EXPECT_TRUE(judge(t).ok());
  t.uris.push_back("spiffe://example.org/second");
  EXPECT_EQ(reason(judge(t)), "leaf");
  t.uris[1] = "https://example.org";
  EXPECT_EQ(reason(judge(t)), "leaf");
  t.uris.clear();
  EXPECT_EQ(reason(judge(t)), "leaf");
  t = leaf();
  t.dns_names = {"a.example.org"};  // other kinds of SAN are fine
  EXPECT_TRUE(judge(t).ok());
}

TEST_F(Conformance, Rule15_SanIsCriticalWhenTheSubjectIsEmpty) {
  CertificateTemplate t = leaf();
  t.subject = Name().encode();
  const Certificate certificate = root_.sign(t);
  EXPECT_TRUE(certificate.sans().critical);
  EXPECT_TRUE(judge({certificate}).ok());
  EXPECT_FALSE(root_.sign(leaf()).sans().critical);
}

TEST_F(Conformance, Rule16_LeafIdHasAPath) {
  CertificateTemplate t = leaf();
  t.uris = {"spiffe://example.org"};
  EXPECT_EQ(reason(judge(t)), "leaf");
}

TEST_F(Conformance, Rule17_LeafIsNoCa) {
  CertificateTemplate t = leaf();
  t.basic_constraints->is_ca = true;
  EXPECT_EQ(reason(judge(t)), "leaf");
}

TEST_F(Conformance, Rule18_KeyUsageIsThereAndCritical) {
  CertificateTemplate t = leaf();
  t.key_usage = 0;
  EXPECT_EQ(reason(judge(t)), "leaf");
  t.extra = {{oid_from_text("2.5.29.15").value(), false, {0x03, 0x02, 0x07, 0x80}}};
  EXPECT_EQ(reason(judge(t)), "leaf");
  t.extra[0].critical = true;
  EXPECT_TRUE(judge(t).ok());
}

TEST_F(Conformance, Rule19_LeafUsages) {
  CertificateTemplate t = leaf();
  t.key_usage = kDigitalSignature;
  EXPECT_TRUE(judge(t).ok());
  for (int usage :
       {kKeyEncipherment | 0, kDigitalSignature | kKeyCertSign, kDigitalSignature | kCrlSign}) {
    t.key_usage = static_cast<std::uint16_t>(usage);
    EXPECT_EQ(reason(judge(t)), "leaf") << usage;
  }
}

TEST_F(Conformance, Rule20_ExtendedKeyUsageHasBothOrIsAbsent) {
  CertificateTemplate t = leaf();
  t.server_auth = false;
  EXPECT_EQ(reason(judge(t)), "leaf");
  t.client_auth = false;
  EXPECT_TRUE(judge(t).ok());
  t.server_auth = true;
  EXPECT_EQ(reason(judge(t)), "leaf");
}

TEST_F(Conformance, Rule21_SigningCertificates) {
  const auto k = new_key();
  const auto with = [&](auto change) {
    CertificateTemplate t = root_.intermediate_template(k, "inner");
    change(t);
    const Authority inner{crypto::PrivateKeySigner(k), root_.sign(t)};
    return judge({inner.sign(inner.leaf_template(key_)), inner.certificate});
  };
  EXPECT_TRUE(with([](CertificateTemplate&) {}).ok());
  EXPECT_TRUE(with([](CertificateTemplate& t) { t.uris.clear(); }).ok());
  EXPECT_EQ(reason(with([](CertificateTemplate& t) { t.basic_constraints->is_ca = false; })),
            "path");
  EXPECT_EQ(reason(with([](CertificateTemplate& t) { t.basic_constraints.reset(); })), "path");
  EXPECT_EQ(reason(with([](CertificateTemplate& t) { t.key_usage = kCrlSign; })), "path");
  EXPECT_EQ(reason(with([](CertificateTemplate& t) { t.uris = {"spiffe://example.org/ca"}; })),
            "path");
  // Never a peer itself.
  EXPECT_EQ(reason(judge({root_.certificate})), "leaf");
}

TEST_F(Conformance, Rule22_OnlyTheLeafsTrustDomainCounts) {
  const Authority other(domain("other.org"));
  CertificateTemplate t = other.leaf_template(key_);  // says example.org, signed by other.org
  const std::vector<Certificate> chain = {other.sign(t)};
  const RootPool ours(std::vector{root_.certificate});
  const RootPool theirs(std::vector{other.certificate});
  const auto lookup = [&](std::string_view name) {
    return name == "example.org" ? &ours : name == "other.org" ? &theirs : nullptr;
  };
  EXPECT_TRUE(is_unknown_authority(verify_svid(chain, lookup, {kNow}).status()));
  const auto expired = verify_svid({root_.sign(leaf())}, lookup, {kNow + std::chrono::hours(2)});
  EXPECT_EQ(reason(expired.status()), "expired");
  const auto early = verify_svid({root_.sign(leaf())}, lookup, {kNow - std::chrono::hours(2)});
  EXPECT_EQ(reason(early.status()), "expired");
}

TEST_F(Conformance, Rule23_ValidatorsRefuseSignersAndForeignSchemes) {
  CertificateTemplate t = leaf();
  for (const char* uri : {"https://example.org/workload", "SPIFFE://example.org/workload",
                          "spiffe://example.org/", "spiffe://Example.org/workload"}) {
    t.uris = {uri};
    EXPECT_EQ(reason(judge(t)), "leaf") << uri;
  }
}

TEST_F(Conformance, Rule24_LeafComesFirstAndTheKeyMatches) {
  const Authority inner = root_.intermediate();
  const Certificate leaf = inner.sign(inner.leaf_template(key_));
  const auto pkcs8 = key_.to_pkcs8_der();
  EXPECT_TRUE(parse_svid(concatenate({leaf, inner.certificate}), pkcs8.view()).ok());
  EXPECT_FALSE(parse_svid(concatenate({inner.certificate, leaf}), pkcs8.view()).ok());
  EXPECT_FALSE(parse_svid(leaf.der(), new_key().to_pkcs8_der().view()).ok());
}

TEST_F(Conformance, Rule34_KeysIsMandatoryAndMayBeEmpty) {
  EXPECT_TRUE(tolerant(R"({"keys":[]})").ok());
  EXPECT_FALSE(tolerant(R"({})").ok());
  EXPECT_FALSE(tolerant(R"({"keys":null})").ok());
  EXPECT_FALSE(tolerant(R"([])").ok());
}

TEST_F(Conformance, Rule35_AnEmptyBundleTrustsNothing) {
  const Bundle empty = tolerant(R"({"keys":[{"use":"other","kty":"EC"}]})").value();
  EXPECT_TRUE(empty.empty());
  const auto verdict = verify_svid({root_.sign(leaf())}, domain(), RootPool(empty), {kNow});
  EXPECT_EQ(reason(verdict.status()), "unknown_trust_domain");
}

TEST_F(Conformance, Rule36_AKeyWithoutOrWithUnknownKtyOrUseIsSkipped) {
  Bundle bundle(domain());
  bundle.jwt_authorities = {{"good", key_.public_key().spki(), 0, false}};
  nlohmann::json document = nlohmann::json::parse(write_bundle_json(bundle).value());
  nlohmann::json bad = document["keys"][0];
  for (const char* member : {"use", "kty"}) {
    nlohmann::json without = bad;
    without.erase(member);
    without["kid"] = std::string("without-") + member;
    document["keys"].push_back(without);
    without[member] = "unknown";
    document["keys"].push_back(without);
  }
  document["something_new"] = {1, 2};
  document["keys"][0]["something_new"] = true;
  EXPECT_EQ(tolerant(document.dump()).value(), bundle);
  // SPIRE's own reader fails the document.
  EXPECT_FALSE(read_bundle_json(domain(), document.dump(), BundleReading::kStrict).ok());
}

TEST_F(Conformance, Rule37_UseIsCaseSensitive) {
  Bundle bundle(domain());
  bundle.jwt_authorities = {{"k", key_.public_key().spki(), 0, false}};
  std::string json = write_bundle_json(bundle).value();
  json.replace(json.find("jwt-svid"), 8, "JWT-SVID");
  EXPECT_TRUE(tolerant(json)->empty());
}

TEST_F(Conformance, Rule38_X509KeysHaveOneCertificateAndNoKid) {
  Bundle bundle(domain());
  bundle.x509_authorities = {{root_.certificate, false}};
  nlohmann::json document = nlohmann::json::parse(write_bundle_json(bundle).value());
  EXPECT_FALSE(document["keys"][0].contains("kid"));
  EXPECT_EQ(document["keys"][0]["x5c"].size(), 1u);
  const Authority other;
  document["keys"][0]["x5c"].push_back(crypto::base64_encode(other.certificate.der()));
  EXPECT_EQ(tolerant(document.dump()).value(), bundle);  // consumers use the first
  document["keys"][0].erase("x5c");
  EXPECT_TRUE(tolerant(document.dump())->empty());
}

TEST_F(Conformance, Rule39_JwtKeysHaveAKid) {
  Bundle bundle(domain());
  bundle.jwt_authorities = {{"k", key_.public_key().spki(), 0, false}};
  nlohmann::json document = nlohmann::json::parse(write_bundle_json(bundle).value());
  document["keys"][0].erase("kid");
  EXPECT_TRUE(tolerant(document.dump())->empty());
  EXPECT_FALSE(read_bundle_json(domain(), document.dump(), BundleReading::kStrict).ok());
}

TEST_F(Conformance, Rule40_SequenceAndHintAreIntegers) {
  const Bundle bundle =
      tolerant(R"({"keys":[],"spiffe_sequence":7,"spiffe_refresh_hint":300})").value();
  EXPECT_EQ(bundle.sequence_number, 7u);
  EXPECT_EQ(bundle.refresh_hint, 300);
  for (const char* bad : {"1.5", "-1", "\"1\"", "true"}) {
    EXPECT_FALSE(tolerant(std::string(R"({"keys":[],"spiffe_sequence":)") + bad + "}").ok()) << bad;
    EXPECT_FALSE(tolerant(std::string(R"({"keys":[],"spiffe_refresh_hint":)") + bad + "}").ok());
  }
}

TEST_F(Conformance, Rule41_BundlesOfDifferentTrustDomainsStayApart) {
  const Authority other(domain("other.org"));
  Bundle a(domain());
  a.x509_authorities = {{root_.certificate, false}};
  Bundle b(domain("other.org"));
  b.x509_authorities = {{other.certificate, false}};
  const std::string map = R"({"trust_domains":{"example.org":)" + write_bundle_json(a).value() +
                          R"(,"other.org":)" + write_bundle_json(b).value() + "}}";
  EXPECT_EQ(read_bundle_map(map).value(), (std::vector{a, b}));
}

TEST_F(Conformance, Rule42_BundleMap) {
  EXPECT_FALSE(read_bundle_map("{}").ok());
  EXPECT_FALSE(read_bundle_map(R"({"trust_domains":{"a":{"keys":[]},"a":{"keys":[]}}})").ok());
  EXPECT_FALSE(read_bundle_map(R"({"trust_domains":{"A":{"keys":[]}}})").ok());
  const auto bundles =
      read_bundle_map(R"({"trust_domains":{"a":{"keys":[],"spiffe_refresh_hint":9}}})").value();
  EXPECT_EQ(bundles.at(0).refresh_hint, 0);
}

}  // namespace
}  // namespace signet::x509::test
