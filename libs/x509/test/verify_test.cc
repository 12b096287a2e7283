#include "x509/verify.h"

#include <gtest/gtest.h>

#include "pki.h"

namespace signet::x509::test {
namespace {

class Verify : public ::testing::Test {
 protected:
  Authority root_;
  crypto::PrivateKey key_ = new_key();
  Certificate leaf_ = root_.sign(root_.leaf_template(key_));

  Result<VerifiedSvid> verify(const std::vector<Certificate>& chain, Time now = kNow) const {
    return verify_svid(chain, domain(), RootPool(std::vector{root_.certificate}), {now});
  }
};

TEST_F(Verify, AcceptsALeafUnderARoot) {
  const auto verified = verify({leaf_});
  ASSERT_TRUE(verified.ok()) << verified.status().to_string();
  EXPECT_EQ(verified->spiffe_id.to_string(), "spiffe://example.org/workload");
  EXPECT_EQ(verified->path, (std::vector{leaf_, root_.certificate}));
}

TEST_F(Verify, AcceptsIntermediatesInAnyOrder) {
  const Authority one = root_.intermediate("one");
  const Authority two = one.intermediate("two");
  const Certificate leaf = two.sign(two.leaf_template(key_));
  EXPECT_TRUE(verify({leaf, two.certificate, one.certificate}).ok());
  EXPECT_TRUE(verify({leaf, one.certificate, two.certificate}).ok());
  EXPECT_TRUE(is_unknown_authority(verify({leaf, two.certificate}).status()));
}

TEST_F(Verify, TellsAnUnknownAuthorityFromABadPath) {
  const Authority other;  // same subject names but for the serial number, another key
  const Certificate stranger = other.sign(other.leaf_template(key_));
  EXPECT_TRUE(is_unknown_authority(verify({stranger}).status()));
  // The right issuer name over the wrong key.
  CertificateTemplate forged = root_.leaf_template(key_);
  EXPECT_TRUE(is_unknown_authority(verify({other.sign(forged)}).status()));
  EXPECT_EQ(reason(verify({leaf_}, kNow + std::chrono::hours(2)).status()), "expired");
  EXPECT_FALSE(is_unknown_authority(verify({leaf_}, kNow + std::chrono::hours(2)).status()));
}

TEST_F(Verify, RefusesAnExpiredIntermediateOrRoot) {
  CertificateTemplate t = root_.intermediate_template(new_key(), "old");
  const auto k = new_key();
  t = root_.intermediate_template(k, "old");
  t.not_after = kNow - std::chrono::seconds(1);
  const Authority old{crypto::PrivateKeySigner(k), root_.sign(t)};
  const Certificate leaf = old.sign(old.leaf_template(key_));
  EXPECT_EQ(reason(verify({leaf, old.certificate}).status()), "expired");
}

TEST_F(Verify, RefusesAPathLengthThatIsExceeded) {
  const auto k = new_key();
  CertificateTemplate t = root_.intermediate_template(k, "zero");
  t.basic_constraints->path_length = 0;
  const Authority zero{crypto::PrivateKeySigner(k), root_.sign(t)};
  EXPECT_TRUE(verify({zero.sign(zero.leaf_template(key_)), zero.certificate}).ok());
  const Authority below = zero.intermediate("below");
  const Certificate leaf = below.sign(below.leaf_template(key_));
  EXPECT_EQ(reason(verify({leaf, below.certificate, zero.certificate}).status()), "path");
}

TEST_F(Verify, RefusesUnknownCriticalExtensionsAndNameConstraints) {
  CertificateTemplate t = root_.leaf_template(key_);
  t.extra = {{oid_from_text("1.2.3.4").value(), true, {0x05, 0x00}}};
  EXPECT_EQ(reason(verify({root_.sign(t)}).status()), "path");
  t.extra[0].critical = false;
  EXPECT_TRUE(verify({root_.sign(t)}).ok());

  const auto k = new_key();
  CertificateTemplate constrained = root_.intermediate_template(k, "constrained");
  constrained.extra = {{oid_from_text("2.5.29.30").value(), true, {0x30, 0x00}}};
  const Authority inner{crypto::PrivateKeySigner(k), root_.sign(constrained)};
  EXPECT_EQ(reason(verify({inner.sign(inner.leaf_template(key_)), inner.certificate}).status()),
            "path");
}

TEST_F(Verify, RefusesAnIntermediateOfAnotherTrustDomain) {
  const auto k = new_key();
  CertificateTemplate t = root_.intermediate_template(k, "foreign");
  t.uris = {"spiffe://other.org"};
  const Authority foreign{crypto::PrivateKeySigner(k), root_.sign(t)};
  EXPECT_EQ(
      reason(verify({foreign.sign(foreign.leaf_template(key_)), foreign.certificate}).status()),
      "path");
}

TEST_F(Verify, BoundsTheChain) {
  std::vector<Certificate> chain = {leaf_};
  for (int i = 0; i < 9; ++i) chain.push_back(root_.certificate);
  EXPECT_TRUE(verify(chain).ok());
  chain.push_back(root_.certificate);
  EXPECT_EQ(reason(verify(chain).status()), "chain");
  EXPECT_EQ(reason(verify({}).status()), "chain");
  CertificateTemplate big = root_.leaf_template(key_);
  big.extra = {{oid_from_text("1.2.3").value(), false, Bytes(60000)}};
  const Certificate one = root_.sign(big);
  EXPECT_TRUE(verify({one}).ok());
  EXPECT_EQ(reason(verify({one, one}).status()), "chain");
}

TEST_F(Verify, ReadsTheSvidThatTheWorkloadApiSends) {
  const auto svid = parse_svid(leaf_.der(), key_.to_pkcs8_der().view());
  ASSERT_TRUE(svid.ok());
  EXPECT_EQ(svid->spiffe_id.path(), "/workload");
  EXPECT_FALSE(parse_svid(leaf_.der(), new_key().to_pkcs8_der().view()).ok());
}

}  // namespace
}  // namespace signet::x509::test
