// What signet/abi/upstream_authority.h promises, asked of a shared object.
//
//   upstreamauthority-conformance --plugin FILE.so --config JSON [--trust-domain NAME]
//                                 [--plugin-dir DIR] [--library-dir DIR]
#include <atomic>
#include <set>
#include <thread>

#include <gtest/gtest.h>

#include "signet/upstream_authority.h"

#include "crypto/random.h"
#include "suite_main.h"
#include "x509/ca.h"
#include "x509/csr.h"
#include "x509/svid_issuer.h"
#include "x509/verify.h"

namespace signet::conformance {
namespace {

PluginUnderTest& plugin() {
  static PluginUnderTest plugin{.type = "UpstreamAuthority"};
  return plugin;
}
ScopeUnderTest& scope() { return scope_of_program(plugin()); }

class UpstreamAuthoritySuite : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(scope().status().ok()) << scope().status().to_string();
    auto client = UpstreamAuthorityClient::acquire(scope().host());
    ASSERT_TRUE(client.ok()) << client.status().to_string();
    client_.emplace(std::move(*client));
  }
  static TrustDomain domain() { return TrustDomain::parse(plugin().trust_domain).value(); }
  static x509::Time now() { return x509::from_unix(scope().host().unix_seconds()); }
  static crypto::Bytes csr(const crypto::PrivateKey& key, const TrustDomain& trust_domain) {
    return x509::create_ca_csr(trust_domain, x509::Name::spiffe(), crypto::PrivateKeySigner(key))
        .value();
  }
  Result<MintedX509Ca> mint(ServiceStream& stream, const crypto::PrivateKey& key,
                            std::int64_t ttl_s = 600,
                            UpstreamAuthorityClient::Listener listener = {}) {
    return client_->mint_x509(stream, crypto::as_text(csr(key, domain())), ttl_s,
                              std::move(listener));
  }
  static crypto::PrivateKey new_key() {
    return crypto::PrivateKey::generate(crypto::KeyType::kEcP256).value();
  }
  static UpstreamKey a_key() {
    return {crypto::random_alphanumeric(32), crypto::to_string(new_key().public_key().spki()),
            scope().host().unix_seconds() + 600, false};
  }
  static std::vector<x509::Certificate> parse(const std::vector<std::string>& all) {
    std::vector<x509::Certificate> out;
    for (const std::string& der : all) {
      auto certificate = x509::Certificate::parse(crypto::as_bytes(der));
      EXPECT_TRUE(certificate.ok()) << certificate.status().to_string();
      if (certificate) out.push_back(*certificate);
    }
    return out;
  }
  static std::vector<x509::Certificate> parse(const UpstreamRoots& roots) {
    std::vector<std::string> all;
    for (const UpstreamRoot& root : roots) all.push_back(root.certificate);
    return parse(all);
  }

  std::optional<UpstreamAuthorityClient> client_;
};

TEST_F(UpstreamAuthoritySuite, MintsACaWhoseSvidsLeadToItsRoots) {
  ServiceStream stream;
  const crypto::PrivateKey key = new_key();
  const auto minted = mint(stream, key);
  ASSERT_TRUE(minted.ok()) << minted.status().to_string();
  const auto chain = parse(minted->chain);
  const auto roots = parse(minted->roots);
  ASSERT_FALSE(chain.empty());
  ASSERT_FALSE(roots.empty());
  for (const auto& root : roots) EXPECT_TRUE(root.is_ca());
  for (const auto& certificate : chain) {
    EXPECT_EQ(std::count(roots.begin(), roots.end(), certificate), 0)
        << "a root has no place in the chain";
  }
  const Status good = x509::check_ca(chain.front(), domain(), key.public_key().spki(), now());
  EXPECT_TRUE(good.ok()) << good.to_string();

  // The proof that counts: an SVID below the new CA is one that a workload can verify.
  const auto issuer =
      x509::SvidIssuer::make(chain.front(), std::make_shared<crypto::PrivateKeySigner>(key));
  ASSERT_TRUE(issuer.ok()) << issuer.status().to_string();
  const std::string id = domain().id_string() + "/conformance";
  const auto svid =
      issuer->issue({.spiffe_id = id, .spki = new_key().public_key().spki(), .now = now()});
  ASSERT_TRUE(svid.ok()) << svid.status().to_string();
  std::vector<x509::Certificate> presented = {x509::Certificate::parse(svid->der).value()};
  presented.insert(presented.end(), chain.begin(), chain.end());
  const auto verified =
      x509::verify_svid(presented, domain(), x509::RootPool(roots), {.now = now()});
  ASSERT_TRUE(verified.ok()) << verified.status().to_string();
  EXPECT_EQ(verified->spiffe_id.to_string(), id);
}

TEST_F(UpstreamAuthoritySuite, NeverGivesALongerLifeThanAsked) {
  ServiceStream stream;
  const auto minted = mint(stream, new_key(), 120);
  ASSERT_TRUE(minted.ok()) << minted.status().to_string();
  const auto chain = parse(minted->chain);
  EXPECT_LE(chain.front().not_after(), now() + std::chrono::seconds(125));
  EXPECT_GT(chain.front().not_after(), now());
}

TEST_F(UpstreamAuthoritySuite, RefusesACsrThatProvesNothing) {
  ServiceStream stream;
  auto forged = csr(new_key(), domain());
  forged.back() ^= 1;
  for (const std::string& bad : {std::string(), std::string("no CSR"), crypto::to_string(forged)}) {
    EXPECT_EQ(client_->mint_x509(stream, bad, 60, {}).status().code(), Code::kInvalidArgument);
  }
}

TEST_F(UpstreamAuthoritySuite, NeverSignsForAnotherTrustDomain) {
  ServiceStream stream;
  const auto other = TrustDomain::parse("someone-else.example").value();
  const auto minted = client_->mint_x509(stream, crypto::as_text(csr(new_key(), other)), 60, {});
  if (!minted.ok()) return;
  const auto chain = parse(minted->chain);
  for (const std::string& uri : chain.front().uris()) EXPECT_EQ(uri, domain().id_string());
}

TEST_F(UpstreamAuthoritySuite, MintsConcurrently) {
  std::mutex mutex;
  std::set<std::string> serials;
  std::vector<std::thread> threads;
  constexpr std::size_t kThreads = 8;
  for (std::size_t n = 0; n < kThreads; ++n) {
    threads.emplace_back([&] {
      ServiceStream stream;
      const auto minted = mint(stream, new_key());
      EXPECT_TRUE(minted.ok()) << minted.status().to_string();
      if (!minted) return;
      const auto chain = parse(minted->chain);
      const std::lock_guard lock(mutex);
      serials.insert(chain.front().serial_decimal());
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(serials.size(), kThreads) << "serial numbers are unique";
}

TEST_F(UpstreamAuthoritySuite, AStreamEndsWhenItIsCancelledAndNotBefore) {
  std::atomic<int> ends{0};
  ServiceStream stream;
  ASSERT_TRUE(mint(stream, new_key(), 60, {.on_end = [&](const Status&) { ++ends; }}).ok());
  // Another whole call goes by meanwhile.
  ServiceStream other;
  ASSERT_TRUE(mint(other, new_key()).ok());
  EXPECT_EQ(ends, 0);
  stream.stop();
  EXPECT_EQ(ends, 1);
}

TEST_F(UpstreamAuthoritySuite, WhoSubscribesGetsTheRootsOfTheMinted) {
  ServiceStream minting, stream;
  const auto minted = mint(minting, new_key());
  ASSERT_TRUE(minted.ok()) << minted.status().to_string();
  const auto roots = client_->subscribe(stream, {});
  ASSERT_TRUE(roots.ok()) << roots.status().to_string();
  EXPECT_EQ(*roots, minted->roots);
}

TEST_F(UpstreamAuthoritySuite, PublishesAJwtKeyOnceOrSaysThatItCannot) {
  const UpstreamKey key = a_key();
  ServiceStream first, again;
  const auto keys = client_->publish_jwt_key(first, key, {});
  if (keys.status().code() == Code::kUnimplemented) GTEST_SKIP() << "no JWT keys";
  ASSERT_TRUE(keys.ok()) << keys.status().to_string();
  EXPECT_EQ(std::count(keys->begin(), keys->end(), key), 1);
  const auto once_more = client_->publish_jwt_key(again, key, {});
  ASSERT_TRUE(once_more.ok()) << once_more.status().to_string();
  EXPECT_EQ(std::count(once_more->begin(), once_more->end(), key), 1);
}

TEST_F(UpstreamAuthoritySuite, PublishesAWitKeyOnceOrSaysThatItCannot) {
  const UpstreamKey key = a_key();
  ServiceStream first, again;
  const auto keys = client_->publish_wit_key(first, key, {});
  if (keys.status().code() == Code::kUnimplemented) GTEST_SKIP() << "no WIT keys";
  ASSERT_TRUE(keys.ok()) << keys.status().to_string();
  EXPECT_EQ(std::count(keys->begin(), keys->end(), key), 1);
  const auto once_more = client_->publish_wit_key(again, key, {});
  ASSERT_TRUE(once_more.ok()) << once_more.status().to_string();
  EXPECT_EQ(std::count(once_more->begin(), once_more->end(), key), 1);
}

// The last one: it stops the plugin.
TEST_F(UpstreamAuthoritySuite, ZzDrainEndsItsStreams) {
  std::atomic<int> ends{0};
  ServiceStream stream;
  ASSERT_TRUE(mint(stream, new_key(), 60, {.on_end = [&](const Status&) { ++ends; }}).ok());
  client_.reset();
  scope().stop();
  EXPECT_EQ(ends, 1);
}

}  // namespace
}  // namespace signet::conformance

int main(int argc, char** argv) {
  return signet::conformance::run_suite(argc, argv, signet::conformance::plugin());
}
