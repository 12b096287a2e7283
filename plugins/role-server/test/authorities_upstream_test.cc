// X.509 authorities below an upstream one, and what the upstream tells of its roots and keys.
#include "authorities_rig.h"
#include "crypto/encoding.h"

namespace signet::server {
namespace {

using testing::AuthoritiesTest;

constexpr auto kX509 = AuthorityType::kX509;

// An upstream authority in memory. Its root can be replaced by another one.
class FakeUpstream final : public CaSource {
 public:
  explicit FakeUpstream(const testing::QuietHost& host) : host_(host) { new_root(); }
  void new_root() {
    key_ = std::make_shared<crypto::PrivateKeySigner>(
        crypto::PrivateKey::generate(crypto::KeyType::kEcP256).value());
    x509::CaParams params;
    params.now = x509::from_unix(host_.now());
    roots.push_back(x509::self_sign_ca(*TrustDomain::parse("example.org"), params, *key_).value());
  }
  bool upstream() const override { return true; }
  Result<CaGrant> issue(const crypto::Signer& key, x509::Time now) override {
    ++issued;
    SIGNET_TRY(x509::Certificate ca,
               x509::sign_downstream_ca(*TrustDomain::parse("example.org"), {.now = now},
                                        key.spki(), roots.back(), *key_));
    const std::string der = crypto::to_string(ca.der());
    std::vector<std::string> all;
    for (const auto& root : roots) all.push_back(crypto::to_string(root.der()));
    return CaGrant{std::move(ca), {der}, std::move(all)};
  }
  Result<std::optional<JwtAuthorities>> publish(const spire::api::types::JWTKey& key) override {
    if (!takes_jwt) return std::optional<JwtAuthorities>();
    *jwt.Add() = key;
    return std::optional<JwtAuthorities>(jwt);
  }
  Result<std::optional<WitAuthorities>> publish(const spire::api::types::WITKey& key) override {
    if (!takes_wit) return std::optional<WitAuthorities>();
    *wit.Add() = key;
    return std::optional<WitAuthorities>(wit);
  }
  std::vector<Authorities::UpstreamRoot> told(const std::string& tainted = {}) const {
    std::vector<Authorities::UpstreamRoot> out;
    for (const auto& root : roots) {
      out.push_back({crypto::to_string(root.der()), id_of(root) == tainted});
    }
    return out;
  }
  static std::string id_of(const x509::Certificate& root) {
    return crypto::hex_encode(root.subject_key_id());
  }
  std::string root_id() const { return id_of(roots.back()); }

  std::vector<x509::Certificate> roots;
  JwtAuthorities jwt;
  WitAuthorities wit;
  bool takes_jwt = false, takes_wit = false;
  int issued = 0;

 private:
  const testing::QuietHost& host_;
  std::shared_ptr<crypto::PrivateKeySigner> key_;
};

class AuthoritiesUpstreamTest : public AuthoritiesTest {
 protected:
  using Prepare = std::function<void(FakeUpstream&)>;
  void boot_below(const Prepare& prepare = {},
                  const std::function<void(ServerConfig&)>& settings = {}) {
    auto source = std::make_unique<FakeUpstream>(host_);
    upstream_ = source.get();
    if (prepare) prepare(*upstream_);
    boot(settings, std::move(source));
  }
  static void takes_jwt(FakeUpstream& upstream) { upstream.takes_jwt = true; }
  static void with_wit(ServerConfig& config) { config.wit_svids = true; }
  FakeUpstream* upstream_ = nullptr;
};

TEST_F(AuthoritiesUpstreamTest, TheBundleHasTheUpstreamsRootAndSvidsVerifyToIt) {
  boot_below();
  ASSERT_EQ(bundle().x509_authorities_size(), 1);
  EXPECT_EQ(subject_key_id_of(bundle().x509_authorities(0).asn1()), upstream_->root_id());
  EXPECT_EQ(authorities().state(kX509)->active->upstream_authority_id, upstream_->root_id());
  const auto key = crypto::PrivateKey::generate(crypto::KeyType::kEcP256);
  const auto svid = authorities().x509()->issuer.issue({.spiffe_id = "spiffe://example.org/db",
                                                        .spki = key->public_key().spki(),
                                                        .now = x509::from_unix(host_.now())});
  std::vector<x509::Certificate> chain = {x509::Certificate::parse(svid->der).value()};
  for (const std::string& der : authorities().x509()->upstream_chain) {
    chain.push_back(x509::Certificate::parse(crypto::as_bytes(der)).value());
  }
  EXPECT_TRUE(x509::verify_svid(chain, server_->config.trust_domain, server_->bundles.own()->roots,
                                {.now = x509::from_unix(host_.now())}));
}

TEST_F(AuthoritiesUpstreamTest, LocalTaintAndRevokeAreRefused) {
  boot_below();
  EXPECT_EQ(authorities().taint(kX509, "x").status().code(), Code::kFailedPrecondition);
  EXPECT_EQ(authorities().revoke(kX509, "x").status().code(), Code::kFailedPrecondition);
}

TEST_F(AuthoritiesUpstreamTest, TheRootOfTheOldAuthorityIsTaintedAndRevokedByHand) {
  boot_below();
  const std::string first = upstream_->root_id();
  EXPECT_EQ(authorities().taint_upstream(first).status().code(), Code::kInvalidArgument);
  upstream_->new_root();
  const auto prepared = authorities().prepare(kX509);
  ASSERT_TRUE(prepared);
  EXPECT_EQ(authorities().taint_upstream(upstream_->root_id()).status().code(),
            Code::kInvalidArgument)
      << "it signs the next one";
  ASSERT_TRUE(authorities().activate(kX509, prepared->authority_id));
  EXPECT_EQ(authorities().revoke_upstream(first).status().code(), Code::kInternal) << "untainted";
  ASSERT_TRUE(authorities().taint_upstream(first));
  EXPECT_EQ(authorities().taint_upstream(first).status().code(), Code::kInternal) << "twice";
  EXPECT_TRUE(bundle().x509_authorities(0).tainted());
  EXPECT_EQ(*authorities().revoke_upstream(first), first);
  EXPECT_EQ(bundle().x509_authorities_size(), 1);
}

TEST_F(AuthoritiesUpstreamTest, NewRootsOfTheUpstreamAreTakenUp) {
  boot_below();
  upstream_->new_root();
  ASSERT_TRUE(authorities().upstream_roots(upstream_->told()).ok());
  EXPECT_EQ(bundle().x509_authorities_size(), 2);
  const auto sequence = bundle().sequence_number();
  ASSERT_TRUE(authorities().upstream_roots(upstream_->told()).ok());
  EXPECT_EQ(bundle().sequence_number(), sequence) << "told again, nothing changes";
}

TEST_F(AuthoritiesUpstreamTest, ARootTaintedUpstreamMakesOurAuthorityGiveWayFirst) {
  boot_below();
  const std::string first_root = upstream_->root_id();
  const std::string first = x509();
  upstream_->new_root();
  ASSERT_TRUE(authorities().upstream_roots(upstream_->told(first_root)).ok());
  EXPECT_NE(x509(), first);
  EXPECT_EQ(authorities().state(kX509)->active->upstream_authority_id, upstream_->root_id());
  EXPECT_TRUE(bundle().x509_authorities(0).tainted());
  const std::string second = x509();
  ASSERT_TRUE(authorities().upstream_roots(upstream_->told(first_root)).ok());
  EXPECT_EQ(x509(), second) << "once";
  // The tainted one is not named any more: it goes. The other one would stay.
  upstream_->roots.erase(upstream_->roots.begin());
  ASSERT_TRUE(authorities().upstream_roots(upstream_->told()).ok());
  ASSERT_EQ(bundle().x509_authorities_size(), 1);
  EXPECT_EQ(subject_key_id_of(bundle().x509_authorities(0).asn1()), upstream_->root_id());
}

TEST_F(AuthoritiesUpstreamTest, AnEmptyAnswerOfTheUpstreamTakesNothingAway) {
  boot_below();
  EXPECT_FALSE(authorities().upstream_roots({}).ok());
  EXPECT_EQ(bundle().x509_authorities_size(), 1);
}

TEST_F(AuthoritiesUpstreamTest, JwtKeysGoUpstreamWhereTheyAreTaken) {
  boot_below([](FakeUpstream& upstream) {
    upstream.takes_jwt = true;
    upstream.jwt.Add()->set_key_id("of-another-server");
  });
  EXPECT_EQ(upstream_->jwt.size(), 2);
  EXPECT_EQ(bundle().jwt_authorities_size(), 2);
  spire::api::types::JWTKey below;
  below.set_key_id("of-a-server-below");
  const auto all = authorities().publish(below);
  ASSERT_TRUE(all);
  EXPECT_EQ(all->size(), 3);
  EXPECT_EQ(bundle().jwt_authorities_size(), 3);
}

TEST_F(AuthoritiesUpstreamTest, JwtKeysStayHereWhereTheUpstreamTakesNone) {
  boot_below();
  EXPECT_EQ(bundle().jwt_authorities_size(), 1);
  EXPECT_EQ(upstream_->jwt.size(), 0);
}

TEST_F(AuthoritiesUpstreamTest, AKeyTaintedUpstreamIsTaintedHereAndGoesWhenItIsRevokedThere) {
  const std::string other = "of-the-upstream";
  boot_below([&](FakeUpstream& upstream) {
    upstream.takes_jwt = true;
    upstream.jwt.Add()->set_key_id(other);
  });
  const auto key = [&]() -> const spire::api::types::JWTKey* {
    for (const auto& one : bundle().jwt_authorities()) {
      if (one.key_id() == other) return &one;
    }
    return nullptr;
  };
  ASSERT_NE(key(), nullptr);
  EXPECT_FALSE(key()->tainted());
  upstream_->jwt.Mutable(0)->set_tainted(true);
  ASSERT_TRUE(authorities().upstream_keys(upstream_->jwt).ok());
  ASSERT_NE(key(), nullptr);
  EXPECT_TRUE(key()->tainted());
  const auto sequence = bundle().sequence_number();
  ASSERT_TRUE(authorities().upstream_keys(upstream_->jwt).ok());
  EXPECT_EQ(bundle().sequence_number(), sequence) << "told again, nothing changes";
  upstream_->jwt.erase(upstream_->jwt.begin());
  ASSERT_TRUE(authorities().upstream_keys(upstream_->jwt).ok());
  EXPECT_EQ(key(), nullptr);
  ASSERT_TRUE(authorities().upstream_keys(JwtAuthorities()).ok());
  EXPECT_EQ(bundle().jwt_authorities_size(), 1) << "one that was never tainted stays until it ends";
}

TEST_F(AuthoritiesUpstreamTest, AKeyRevokedHereDoesNotComeBackWhileTheUpstreamGoesOnNamingIt) {
  boot_below(takes_jwt);
  const std::string first = jwt();
  const auto prepared = authorities().prepare(AuthorityType::kJwt);
  ASSERT_TRUE(prepared);
  ASSERT_TRUE(authorities().activate(AuthorityType::kJwt, prepared->authority_id));
  ASSERT_TRUE(authorities().taint(AuthorityType::kJwt, first));
  ASSERT_TRUE(authorities().revoke(AuthorityType::kJwt, first));
  const auto ids = [&] {
    std::vector<std::string> out;
    for (const auto& key : bundle().jwt_authorities()) out.push_back(key.key_id());
    return out;
  };
  EXPECT_EQ(ids(), std::vector{prepared->authority_id});
  const auto sequence = bundle().sequence_number();
  ASSERT_EQ(upstream_->jwt.size(), 2);
  ASSERT_TRUE(authorities().upstream_keys(upstream_->jwt).ok());
  EXPECT_EQ(ids(), std::vector{prepared->authority_id});
  EXPECT_EQ(bundle().sequence_number(), sequence);
  upstream_->jwt.Add()->set_key_id("of-another-server");
  ASSERT_TRUE(authorities().upstream_keys(upstream_->jwt).ok());
  EXPECT_EQ(ids(), (std::vector<std::string>{prepared->authority_id, "of-another-server"}));
}

TEST_F(AuthoritiesUpstreamTest, WitKeysGoUpstreamWhereTheyAreTaken) {
  boot_below(
      [](FakeUpstream& upstream) {
        upstream.takes_wit = true;
        upstream.wit.Add()->set_key_id("of-another-server");
      },
      with_wit);
  EXPECT_EQ(upstream_->wit.size(), 2);
  EXPECT_EQ(bundle().wit_authorities_size(), 2);
  spire::api::types::WITKey below;
  below.set_key_id("of-a-server-below");
  const auto all = authorities().publish(below);
  ASSERT_TRUE(all);
  EXPECT_EQ(all->size(), 3);
  EXPECT_EQ(bundle().wit_authorities_size(), 3);
  upstream_->wit.Add()->set_key_id("published-at-the-upstream");
  ASSERT_TRUE(authorities().upstream_keys(upstream_->wit).ok());
  EXPECT_EQ(bundle().wit_authorities_size(), 4);
}

TEST_F(AuthoritiesUpstreamTest, WitKeysStayHereWhereTheUpstreamTakesNone) {
  boot_below({}, with_wit);
  EXPECT_EQ(bundle().wit_authorities_size(), 1);
  spire::api::types::WITKey below;
  below.set_key_id("of-a-server-below");
  EXPECT_EQ(authorities().publish(below)->size(), 2);
  EXPECT_EQ(bundle().wit_authorities_size(), 2);
  EXPECT_EQ(upstream_->wit.size(), 0);
}

TEST_F(AuthoritiesUpstreamTest, RestartKeepsTheAuthorityWithoutAskingTheUpstream) {
  boot_below();
  const std::string first = x509();
  auto source = std::make_unique<FakeUpstream>(host_);
  const FakeUpstream* again = source.get();
  boot({}, std::move(source));
  EXPECT_EQ(x509(), first);
  EXPECT_EQ(again->issued, 0);
}

}  // namespace
}  // namespace signet::server
