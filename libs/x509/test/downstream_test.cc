// CA certificates of servers below ours: what limits them, and that verification keeps to it.
#include <gtest/gtest.h>

#include "pki.h"

namespace signet::x509 {
namespace {

using test::Authority;
using test::domain;
using test::kNow;

// A CA below `above`, limited as `params` say.
Authority below(const Authority& above, DownstreamCaParams params) {
  params.now = kNow;
  crypto::PrivateKeySigner key(crypto::PrivateKey::generate(crypto::KeyType::kEcP256).value());
  Certificate certificate =
      sign_downstream_ca(domain(), params, key.spki(), above.certificate, above.key).value();
  return Authority(std::move(key), std::move(certificate));
}

// An SVID of `id` that `by` signs.
Certificate svid(const Authority& by, std::string_view id) {
  const auto key = crypto::PrivateKey::generate(crypto::KeyType::kEcP256).value();
  const auto issuer =
      SvidIssuer::make(by.certificate, std::make_shared<crypto::PrivateKeySigner>(by.key));
  return Certificate::parse(
             issuer->issue({.spiffe_id = id, .spki = key.public_key().spki(), .now = kNow})->der)
      .value();
}

Status path(const std::vector<Certificate>& chain, const Authority& root) {
  return verify_path(chain, RootPool(std::vector<Certificate>{root.certificate}), {kNow}).status();
}

TEST(DownstreamCa, EndsNoLaterThanItsSigner) {
  const Authority root;
  const Authority ca = below(root, {.ttl = std::chrono::hours(24 * 365)});
  EXPECT_EQ(ca.certificate.not_after(), root.certificate.not_after());
  EXPECT_FALSE(ca.certificate.basic_constraints()->path_length);
  EXPECT_TRUE(ca.certificate.permitted_uri_hosts().empty());
}

TEST(DownstreamCa, PathLengthLimitsServersBelowIt) {
  const Authority root;
  const Authority one = below(root, {.max_path = 0});
  const Authority two = below(one, {.signer_chain_length = 2});
  EXPECT_TRUE(path({svid(one, "spiffe://example.org/w"), one.certificate}, root).ok());
  const Status deeper =
      path({svid(two, "spiffe://example.org/w"), two.certificate, one.certificate}, root);
  EXPECT_EQ(deeper.message(), "path length constraint is exceeded");
}

TEST(DownstreamCa, NameConstraintsKeepItToTheTrustDomain) {
  const Authority root;
  const Authority ca = below(root, {.name_constraints = true});
  ASSERT_EQ(ca.certificate.permitted_uri_hosts(), std::vector<std::string>{"example.org"});
  EXPECT_FALSE(ca.certificate.has_name_constraints()) << "nothing beyond the hosts";
  EXPECT_TRUE(path({svid(ca, "spiffe://example.org/w"), ca.certificate}, root).ok());
  for (const char* other :
       {"spiffe://other.org/w", "spiffe://sub.example.org/w", "spiffe://example.org.evil/w"}) {
    const Status refused = path({svid(ca, other), ca.certificate}, root);
    EXPECT_EQ(refused.message(), "URI SAN is outside the name constraints of its issuer") << other;
  }
}

}  // namespace
}  // namespace signet::x509
