// Texts as SPIRE 1.15.3's "api fetch x509" prints them.
#include "cli/x509_answer.h"

#include <gtest/gtest.h>

#include "x509/svid_issuer.h"

namespace signet::agent::cli {
namespace {

using namespace std::chrono_literals;

// An authority that lives around the test's now, and what it issues.
struct Authority {
  explicit Authority(std::int64_t now_seconds) : now(x509::from_unix(now_seconds)) {}
  x509::Time now;
  crypto::PrivateKey key = crypto::PrivateKey::generate(crypto::KeyType::kEcP256).value();
  x509::Certificate ca = [this] {
    x509::CaParams params;
    params.now = now;
    return x509::self_sign_ca(TrustDomain::parse("example.org").value(), params,
                              crypto::PrivateKeySigner(key))
        .value();
  }();

  ::X509SVIDResponse answer(const std::string& id) const {
    const auto issuer =
        x509::SvidIssuer::make(ca, std::make_shared<crypto::PrivateKeySigner>(key)).value();
    const auto own = crypto::PrivateKey::generate(crypto::KeyType::kEcP256).value();
    x509::SvidParams params;
    params.spiffe_id = id;
    params.spki = own.public_key().spki();
    params.now = now;
    const auto issued = issuer.issue(params).value();
    ::X509SVIDResponse response;
    auto* svid = response.add_svids();
    svid->set_spiffe_id(id);
    svid->set_hint("mine");
    svid->set_x509_svid(crypto::to_string(issued.der));
    svid->set_x509_svid_key(std::string(own.to_pkcs8_der().text()));
    svid->set_bundle(crypto::to_string(ca.der()));
    (*response.mutable_federated_bundles())["spiffe://zz.org"] = crypto::to_string(ca.der());
    (*response.mutable_federated_bundles())["spiffe://aa.org"] = crypto::to_string(ca.der());
    return response;
  }
};

std::int64_t unix_now() {
  return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now())
      .time_since_epoch()
      .count();
}

TEST(X509AnswerText, ShowsEachIdentityWithItsAuthoritiesInOrder) {
  const Authority authority(1700000000);
  const auto answer = read_x509_answer(authority.answer("spiffe://example.org/me"));
  ASSERT_TRUE(answer.ok()) << answer.status().message();
  EXPECT_EQ(x509_answer_text(*answer, 1500us),
            "Received 1 svid after 1.5ms\n"
            "\n"
            "SPIFFE ID:\t\tspiffe://example.org/me\n"
            "Hint:\t\t\tmine\n"
            "SVID Valid After:\t2023-11-14 22:13:10 +0000 UTC\n"
            "SVID Valid Until:\t2023-11-14 23:13:20 +0000 UTC\n"
            "CA #1 Valid After:\t2023-11-14 22:13:10 +0000 UTC\n"
            "CA #1 Valid Until:\t2023-11-15 22:13:20 +0000 UTC\n"
            "[spiffe://aa.org] CA #1 Valid After:\t2023-11-14 22:13:10 +0000 UTC\n"
            "[spiffe://aa.org] CA #1 Valid Until:\t2023-11-15 22:13:20 +0000 UTC\n"
            "[spiffe://zz.org] CA #1 Valid After:\t2023-11-14 22:13:10 +0000 UTC\n"
            "[spiffe://zz.org] CA #1 Valid Until:\t2023-11-15 22:13:20 +0000 UTC\n"
            "\n");
}

TEST(X509Answer, IsVerifiedAgainstItsOwnBundle) {
  const Authority authority(unix_now()), stranger(unix_now());
  ::X509SVIDResponse response = authority.answer("spiffe://example.org/me");
  EXPECT_TRUE(verify(*read_x509_answer(response)).ok());
  response.mutable_svids(0)->set_bundle(crypto::to_string(stranger.ca.der()));
  const Status status = verify(*read_x509_answer(response));
  EXPECT_TRUE(status.message().starts_with(
      "\"spiffe://example.org/me\" SVID failed verification against bundle: "))
      << status.message();
}

TEST(X509Answer, SaysWhatCannotBeRead) {
  EXPECT_EQ(read_x509_answer(::X509SVIDResponse()).status().message(),
            "workload response contains no svids");
  ::X509SVIDResponse response;
  response.add_svids()->set_spiffe_id("spiffe://example.org/me");
  EXPECT_EQ(read_x509_answer(response).status().message(),
            "failed to parse svid entry 0 for spiffe id \"spiffe://example.org/me\": no "
            "certificates found");
}

}  // namespace
}  // namespace signet::agent::cli
