#include "sign_ca.h"

#include <gtest/gtest.h>

#include "ca_files.h"
#include "x509/csr.h"
#include "x509/verify.h"

namespace signet::disk_upstream {
namespace {

class SignCa : public testing::Test {
 protected:
  Result<x509::Certificate> sign(const crypto::Bytes& csr, std::int64_t ttl,
                                 std::int64_t now = kNow) {
    return sign_ca(example(), root_.certificate, root_.key, csr, std::chrono::seconds(ttl),
                   x509::from_unix(now));
  }
  crypto::Bytes csr(std::vector<std::string> uris = {"spiffe://example.org"}) {
    return x509::create_csr({.subject = x509::Name::spiffe(), .uris = std::move(uris)}, key_)
        .value();
  }
  Ca root_ = make_root();
  crypto::PrivateKey key_ = crypto::PrivateKey::generate(crypto::KeyType::kEcP256).value();
};

TEST_F(SignCa, MakesACaThatTheServerMayUse) {
  const auto ca = sign(csr(), 600);
  ASSERT_TRUE(ca.ok()) << ca.status().to_string();
  const auto now = x509::from_unix(kNow);
  EXPECT_TRUE(x509::check_ca(*ca, example(), key_.public_key().spki(), now).ok());
  EXPECT_TRUE(x509::verify_path({*ca}, x509::RootPool({root_.certificate}), {now}).ok());
  EXPECT_EQ(ca->not_after(), now + std::chrono::seconds(600));
  EXPECT_EQ(ca->not_before(), now - x509::kNotBeforeBackdate);
  EXPECT_FALSE(ca->basic_constraints()->path_length.has_value());
  EXPECT_TRUE(crypto::equal(ca->authority_key_id(), root_.certificate.subject_key_id()));
}

TEST_F(SignCa, LivesADayByDefaultAndNeverLongerThanItsSigner) {
  EXPECT_EQ(sign(csr(), 0)->not_after(), x509::from_unix(kNow + 86400));
  EXPECT_EQ(sign(csr(), -5)->not_after(), x509::from_unix(kNow + 86400));
  EXPECT_EQ(sign(csr(), INT64_MAX)->not_after(), root_.certificate.not_after());
}

TEST_F(SignCa, RefusesAnotherTrustDomainPathsAndNone) {
  for (const auto& uris :
       std::vector<std::vector<std::string>>{{},
                                             {"spiffe://other.org"},
                                             {"spiffe://example.org/spire/server"},
                                             {"spiffe://example.org", "spiffe://example.org/x"}}) {
    EXPECT_EQ(sign(csr(uris), 60).status().code(), Code::kInvalidArgument);
  }
}

TEST_F(SignCa, RefusesACsrThatItsKeyDidNotSign) {
  auto bad = csr();
  bad.back() ^= 1;
  EXPECT_EQ(sign(bad, 60).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(sign({}, 60).status().code(), Code::kInvalidArgument);
}

TEST_F(SignCa, AnExpiredSignerSignsNothing) {
  EXPECT_EQ(sign(csr(), 60, x509::to_unix(root_.certificate.not_after())).status().code(),
            Code::kFailedPrecondition);
}

}  // namespace
}  // namespace signet::disk_upstream
