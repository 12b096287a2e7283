#include "x509/svid_issuer.h"

#include <set>

#include <gtest/gtest.h>

#include "pki.h"

namespace signet::x509::test {
namespace {

class Issuer : public ::testing::Test {
 protected:
  std::shared_ptr<crypto::PrivateKeySigner> key_ =
      std::make_shared<crypto::PrivateKeySigner>(new_key());
  Certificate ca_ = self_sign_ca(domain(), Authority::params(kNow), *key_).value();
  SvidIssuer issuer_ = SvidIssuer::make(ca_, key_).value();
  crypto::PrivateKey workload_ = new_key();

  SvidParams params() const {
    SvidParams p;
    p.spiffe_id = "spiffe://example.org/workload";
    p.spki = workload_.public_key().spki();
    p.now = kNow;
    return p;
  }
};

TEST_F(Issuer, WhatItIssuesVerifies) {
  const IssuedSvid svid = issuer_.issue(params()).value();
  const Certificate leaf = Certificate::parse(svid.der).value();
  EXPECT_TRUE(verify_svid({leaf}, domain(), RootPool(std::vector{ca_}), {kNow}).ok());
  EXPECT_EQ(leaf.serial_decimal(), svid.serial_decimal());
  EXPECT_EQ(leaf.not_before(), kNow - std::chrono::seconds(10));
  EXPECT_EQ(leaf.not_after(), kNow + std::chrono::hours(1));
  EXPECT_EQ(name_to_text(leaf.subject_raw()), "O=SPIRE,C=US");
}

TEST_F(Issuer, CapsTheLifetimeToTheAuthoritys) {
  SvidParams p = params();
  p.ttl = std::chrono::hours(1000);
  EXPECT_EQ(issuer_.issue(p)->not_after, ca_.not_after());
  p.now = ca_.not_after();
  EXPECT_EQ(issuer_.issue(p).status().code(), Code::kFailedPrecondition);
}

TEST_F(Issuer, FirstDnsNameBecomesTheCommonName) {
  const std::vector<std::string> names = {"b.example.org", "a.example.org"};
  const Name subject = [] {
    Name n = Name::country_organization("NL", "Shop");
    n.common_name = "replaced";
    return n;
  }();
  SvidParams p = params();
  p.dns_names = names;
  p.subject = &subject;
  const Certificate leaf = Certificate::parse(issuer_.issue(p)->der).value();
  EXPECT_EQ(name_to_text(leaf.subject_raw()), "CN=b.example.org,O=Shop,C=NL");
  EXPECT_EQ(leaf.dns_names(), names);
}

TEST_F(Issuer, SerialNumbersDiffer) {
  std::set<std::string> serials;
  for (int i = 0; i < 50; ++i) serials.insert(issuer_.issue(params())->serial_decimal());
  EXPECT_EQ(serials.size(), 50u);
}

TEST_F(Issuer, RefusesACertificateThatCannotSignOrIsOfAnotherKey) {
  const Certificate leaf = Certificate::parse(issuer_.issue(params())->der).value();
  EXPECT_FALSE(SvidIssuer::make(leaf, std::make_shared<crypto::PrivateKeySigner>(workload_)).ok());
  EXPECT_FALSE(SvidIssuer::make(ca_, std::make_shared<crypto::PrivateKeySigner>(workload_)).ok());
}

TEST(CheckCa, NamesWhatIsWrong) {
  const Authority ca;
  const auto check = [&](const Certificate& c, Time now = kNow) {
    return check_ca(c, domain(), ca.key.spki(), now);
  };
  EXPECT_TRUE(check(ca.certificate).ok());
  EXPECT_FALSE(check(ca.certificate, kNow + std::chrono::hours(25)).ok());
  EXPECT_FALSE(check(ca.certificate, kNow - std::chrono::hours(1)).ok());
  EXPECT_FALSE(check_ca(ca.certificate, domain("other.org"), ca.key.spki(), kNow).ok());
  EXPECT_FALSE(check_ca(ca.certificate, domain(), new_key().public_key().spki(), kNow).ok());
  EXPECT_FALSE(check(ca.sign(ca.leaf_template(ca.key.key()))).ok());
}

TEST(Serial, PrintsInDecimal) {
  EXPECT_EQ(serial_to_decimal(Bytes{}), "0");
  EXPECT_EQ(serial_to_decimal(Bytes{0}), "0");
  EXPECT_EQ(serial_to_decimal(Bytes{0x3b, 0x9a, 0xca, 0x00}), "1000000000");
  EXPECT_EQ(serial_to_decimal(Bytes(16, 0xff)), "340282366920938463463374607431768211455");
}

}  // namespace
}  // namespace signet::x509::test
