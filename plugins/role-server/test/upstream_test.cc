// UpstreamCa and UpstreamFollower against an upstream authority plugin that the test plays.
#include <deque>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "signet/testing/fake_host.h"

#include "upstream_ca.h"
#include "upstream_follower.h"
#include "x509/certificate_builder.h"
#include "x509/csr.h"

namespace signet::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::int64_t kNow = 1'700'000'000;

TrustDomain domain(const char* name = "example.org") { return TrustDomain::parse(name).value(); }

struct Ca {
  std::shared_ptr<crypto::PrivateKeySigner> signer = std::make_shared<crypto::PrivateKeySigner>(
      crypto::PrivateKey::generate(crypto::KeyType::kEcP256).value());
  x509::Certificate certificate =
      x509::self_sign_ca(domain(), {.now = x509::from_unix(kNow)}, *signer).value();
  std::string der() const { return crypto::to_string(certificate.der()); }
};

class FakeUpstream final : public Plugin, public UpstreamAuthority {
 public:
  using Plugin::Plugin;
  Status configure(Call&, std::string_view) override { return {}; }
  Result<MintedX509Ca> mint_x509(std::string_view csr, std::int64_t ttl_s) override {
    if (!failure.ok()) return failure;
    const auto request = x509::Csr::parse_and_verify(crypto::as_bytes(csr));
    if (!request) return request.status();
    x509::DownstreamCaParams params;
    params.now = x509::from_unix(kNow);
    params.ttl = std::chrono::seconds(ttl_s);
    const auto ca = x509::sign_downstream_ca(signs_for, params, request->public_key().spki(),
                                             root.certificate, *root.signer);
    return MintedX509Ca{{crypto::to_string(ca->der())}, roots};
  }
  Result<UpstreamKeys> publish_jwt_key(const UpstreamKey& key) override {
    if (!failure.ok()) return failure;
    keys.push_back(key);
    return keys;
  }
  Result<UpstreamKeys> publish_wit_key(const UpstreamKey& key) override {
    if (!failure.ok()) return failure;
    wit_keys.push_back(key);
    return wit_keys;
  }
  Status refresh() override {
    if (!failure.ok()) return failure;
    feed().set_roots(roots);
    return {};
  }

  Ca root;
  UpstreamRoots roots = {{root.der(), false}};
  UpstreamKeys keys;
  UpstreamKeys wit_keys;
  TrustDomain signs_for = domain();
  Status failure;
};

// Posted work waits for settle(); the timer runs when the test says so.
class HandWork {
 public:
  static void serve(fakes::FakeHost& host) {
    static constexpr signet_host_executor kExecutor = {
        sizeof(signet_host_executor), 0,
        [](const signet_host*, void (*fn)(void*), void* arg) -> signet_status {
          posted_.emplace_back(fn, arg);
          return SIGNET_OK;
        }};
    static constexpr signet_host_timer kTimer = {
        sizeof(signet_host_timer), 0,
        [](const signet_host*, std::int64_t, std::int64_t, void (*fn)(void*), void* arg,
           std::uint64_t* id) -> signet_status {
          timer_ = {fn, arg};
          *id = 1;
          return SIGNET_OK;
        },
        [](const signet_host*, std::uint64_t) { timer_ = {}; }};
    host.serve(SIGNET_HOST_EXECUTOR, &kExecutor);
    host.serve(SIGNET_HOST_TIMER, &kTimer);
  }
  static void fire() { timer_.first(timer_.second); }
  static void settle() {
    while (!posted_.empty()) {
      const auto [fn, arg] = posted_.front();
      posted_.pop_front();
      fn(arg);
    }
  }

 private:
  using Task = std::pair<void (*)(void*), void*>;
  static inline std::deque<Task> posted_;
  static inline Task timer_;
};

class UpstreamTest : public ::testing::Test {
 protected:
  UpstreamTest() : plugin_(Host(fake_.abi()), "fake") {
    fake_.set_wall_seconds(kNow);
    HandWork::serve(fake_);
    fake_.offer(SIGNET_UPSTREAM_AUTHORITY, to_abi(&plugin_),
                upstream_authority_table<FakeUpstream>());
  }
  Host host() { return Host(fake_.abi()); }
  Result<CaGrant> issue() {
    const auto ca = UpstreamCa::find(host(), config_);
    return (*ca)->issue(*Ca().signer, x509::from_unix(kNow));
  }

  fakes::FakeHost fake_;
  FakeUpstream plugin_;
  ServerConfig config_{domain()};
};

TEST_F(UpstreamTest, ThereIsNoneUnlessOneIsConfigured) {
  fakes::FakeHost empty;
  const auto ca = UpstreamCa::find(Host(empty.abi()), config_);
  ASSERT_TRUE(ca.ok());
  EXPECT_EQ(*ca, nullptr);
}

TEST_F(UpstreamTest, ACaComesWithItsChainAndTheRoots) {
  const auto grant = issue();
  ASSERT_TRUE(grant.ok()) << grant.status().to_string();
  EXPECT_THAT(grant->upstream_chain, ElementsAre(crypto::to_string(grant->certificate.der())));
  EXPECT_THAT(grant->roots, ElementsAre(plugin_.root.der()));
  EXPECT_EQ(grant->certificate.not_after(), x509::from_unix(kNow) + config_.ca_ttl);
  EXPECT_FALSE(plugin_.feed().followed()) << "the stream is closed after the answer";
}

TEST_F(UpstreamTest, ACaBelowWhichNoSvidVerifiesIsRefused) {
  plugin_.roots = {{Ca().der(), false}};
  EXPECT_THAT(issue().status().message(), HasSubstr("do not verify"));
  plugin_.roots = {{plugin_.root.der(), false}};
  plugin_.signs_for = domain("other.org");
  EXPECT_FALSE(issue().ok());
  plugin_.roots = {{"not a certificate", false}};
  EXPECT_FALSE(issue().ok());
  plugin_.roots = {};
  EXPECT_FALSE(issue().ok());
}

TEST_F(UpstreamTest, TheUpstreamsErrorKeepsItsCode) {
  plugin_.failure = Status::unavailable("the upstream is away");
  EXPECT_EQ(issue().status().code(), Code::kUnavailable);
}

TEST_F(UpstreamTest, JwtKeysGoUpstreamOrStayWhereThereIsNoPlaceForThem) {
  const auto ca = UpstreamCa::find(host(), config_).value()->upstream();
  EXPECT_TRUE(ca);
  auto source = UpstreamCa::find(host(), config_);
  spire::api::types::JWTKey key;
  key.set_key_id("kid");
  key.set_public_key("spki");
  key.set_expires_at(7);
  const auto published = (*source)->publish(key);
  ASSERT_TRUE(published.ok() && published->has_value());
  ASSERT_EQ((*published)->size(), 1);
  EXPECT_EQ((*published)->Get(0).key_id(), "kid");
  EXPECT_EQ((*published)->Get(0).expires_at(), 7);

  plugin_.failure = Status::unimplemented("no JWT keys");
  const auto kept = (*source)->publish(key);
  ASSERT_TRUE(kept.ok()) << kept.status().to_string();
  EXPECT_FALSE(kept->has_value());
  plugin_.failure = Status::unavailable("away");
  EXPECT_EQ((*source)->publish(key).status().code(), Code::kUnavailable);
}

TEST_F(UpstreamTest, WitKeysDoAsJwtKeysDo) {
  auto source = UpstreamCa::find(host(), config_);
  spire::api::types::WITKey key;
  key.set_key_id("kid");
  key.set_public_key("spki");
  key.set_expires_at(7);
  const auto published = (*source)->publish(key);
  ASSERT_TRUE(published.ok() && published->has_value());
  ASSERT_EQ((*published)->size(), 1);
  EXPECT_EQ((*published)->Get(0).SerializeAsString(), key.SerializeAsString());
  EXPECT_TRUE(plugin_.keys.empty());

  plugin_.failure = Status::unimplemented("no WIT keys");
  const auto kept = (*source)->publish(key);
  ASSERT_TRUE(kept.ok()) << kept.status().to_string();
  EXPECT_FALSE(kept->has_value());
  plugin_.failure = Status::unavailable("away");
  EXPECT_EQ((*source)->publish(key).status().code(), Code::kUnavailable);
}

class UpstreamFollowerTest : public UpstreamTest {
 protected:
  UpstreamFollower::Sink sink() {
    return {[this](const UpstreamRoots& roots) {
              roots_.push_back(roots);
              return answer_;
            },
            [this](const UpstreamKeys& keys) {
              keys_.push_back(keys);
              return answer_;
            },
            [this](const UpstreamKeys& keys) {
              wit_keys_.push_back(keys);
              return answer_;
            }};
  }
  void pass(std::chrono::nanoseconds time) {
    clock_ += time.count();
    fake_.set_monotonic_ns(clock_);
    HandWork::fire();
    HandWork::settle();
  }

  std::int64_t clock_ = 1;
  Status answer_;
  std::vector<UpstreamRoots> roots_;
  std::vector<UpstreamKeys> keys_;
  std::vector<UpstreamKeys> wit_keys_;
  UpstreamFollower follower_{host(), sink()};
};

TEST_F(UpstreamFollowerTest, HandsOnWhatThereIsAndWhatIsNew) {
  ASSERT_TRUE(follower_.start().ok());
  HandWork::settle();
  EXPECT_THAT(roots_, ElementsAre(plugin_.roots));
  const UpstreamRoots more = {{plugin_.root.der(), true}, {Ca().der(), false}};
  plugin_.feed().set_roots(more);
  HandWork::settle();
  EXPECT_EQ(roots_.back(), more);
  plugin_.feed().set_jwt_keys({{"kid", "spki", 7, false}});
  HandWork::settle();
  EXPECT_EQ(keys_.size(), 1u);
  answer_ = Status::unavailable("the datastore is away");
  plugin_.feed().set_wit_keys({{"wit", "spki", 7, false}});
  HandWork::settle();
  EXPECT_EQ(wit_keys_.size(), 1u);
  answer_ = {};
  pass(std::chrono::seconds(5));
  EXPECT_EQ(wit_keys_.size(), 2u) << "what failed comes again";
  follower_.stop();
  plugin_.feed().set_roots(plugin_.roots);
  EXPECT_EQ(roots_.size(), 2u);
}

TEST_F(UpstreamFollowerTest, WhatFailedComesAgainAfterAPause) {
  answer_ = Status::unavailable("the datastore is away");
  ASSERT_TRUE(follower_.start().ok());
  HandWork::settle();
  EXPECT_EQ(roots_.size(), 1u);
  pass(std::chrono::seconds(1));
  EXPECT_EQ(roots_.size(), 1u) << "not before five seconds have passed";
  answer_ = {};
  pass(std::chrono::seconds(5));
  EXPECT_EQ(roots_.size(), 2u);
  pass(std::chrono::seconds(60));
  EXPECT_EQ(roots_.size(), 2u) << "done";
}

TEST_F(UpstreamFollowerTest, AStreamThatEndedIsBegunAgain) {
  plugin_.failure = Status::unavailable("away");
  ASSERT_TRUE(follower_.start().ok()) << "a server starts without its upstream";
  HandWork::settle();
  EXPECT_TRUE(roots_.empty());
  plugin_.failure = {};
  pass(std::chrono::seconds(5));
  EXPECT_EQ(roots_.size(), 1u);
  plugin_.feed().close();  // the plugin is configured anew, say
  EXPECT_FALSE(plugin_.feed().followed());
  HandWork::settle();
  plugin_.feed().open();
  pass(std::chrono::seconds(60));
  EXPECT_TRUE(plugin_.feed().followed());
}

TEST_F(UpstreamFollowerTest, WithoutAnUpstreamItDoesNothing) {
  fakes::FakeHost empty;
  UpstreamFollower none(Host(empty.abi()), sink());
  EXPECT_TRUE(none.start().ok());
  EXPECT_TRUE(roots_.empty());
}

}  // namespace
}  // namespace signet::server
