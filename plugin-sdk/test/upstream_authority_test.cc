// Upstream authorities through the C table: the feed on the plugin's side, the client on the
// role's.
#include "signet/upstream_authority.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "signet/testing/fake_host.h"

namespace signet {
namespace {

using testing::ElementsAre;

class Upstream final : public Plugin, public UpstreamAuthority {
 public:
  using Plugin::Plugin;
  Status configure(Call&, std::string_view) override { return {}; }
  Result<MintedX509Ca> mint_x509(std::string_view csr, std::int64_t ttl_s) override {
    if (csr == "bad") return Status::invalid_argument("malformed CSR");
    if (csr == "odd") throw std::runtime_error("thrown");
    return MintedX509Ca{{"ca for " + std::string(csr) + " " + std::to_string(ttl_s), "middle"},
                        roots};
  }
  Result<UpstreamKeys> publish_jwt_key(const UpstreamKey& key) override {
    if (!publishes) return UpstreamAuthority::publish_jwt_key(key);
    keys.push_back(key);
    return keys;
  }
  Result<UpstreamKeys> publish_wit_key(const UpstreamKey& key) override {
    if (!publishes) return UpstreamAuthority::publish_wit_key(key);
    wit_keys.push_back(key);
    return wit_keys;
  }
  Status refresh() override {
    feed().set_roots(roots);
    return {};
  }

  UpstreamRoots roots = {{"root 1", false}};
  UpstreamKeys keys;
  UpstreamKeys wit_keys;
  bool publishes = true;
};

class UpstreamAuthoritySdk : public testing::Test {
 protected:
  UpstreamAuthoritySdk() : plugin_(Host(host_.abi()), "fake") {
    host_.offer(SIGNET_UPSTREAM_AUTHORITY, to_abi(&plugin_), upstream_authority_table<Upstream>());
  }
  UpstreamAuthorityClient client() {
    return std::move(UpstreamAuthorityClient::acquire(Host(host_.abi())).value());
  }
  UpstreamAuthorityClient::Listener listener() {
    return {[this](UpstreamRoots roots) { roots_.push_back(std::move(roots)); },
            [this](UpstreamKeys keys) { keys_.push_back(std::move(keys)); },
            [this](UpstreamKeys keys) { wit_keys_.push_back(std::move(keys)); },
            [this](const Status& status) { ends_.push_back(status.code()); }};
  }

  fakes::FakeHost host_;
  Upstream plugin_;
  std::vector<UpstreamRoots> roots_;  // what the listener was told
  std::vector<UpstreamKeys> keys_;
  std::vector<UpstreamKeys> wit_keys_;
  std::vector<Code> ends_;
  ServiceStream stream_;  // last: it ends before what it tells
};

TEST_F(UpstreamAuthoritySdk, MintingGivesTheChainAndTheRootsAndThenTheNews) {
  const auto minted = client().mint_x509(stream_, "csr", 60, listener());
  ASSERT_TRUE(minted.ok()) << minted.status().to_string();
  EXPECT_THAT(minted->chain, ElementsAre("ca for csr 60", "middle"));
  EXPECT_THAT(minted->roots, ElementsAre(UpstreamRoot{"root 1", false}));
  EXPECT_TRUE(roots_.empty());

  plugin_.feed().set_roots({{"root 1", true}, {"root 2", false}});
  plugin_.feed().set_roots({{"root 1", true}, {"root 2", false}});  // no news
  EXPECT_THAT(roots_, ElementsAre(UpstreamRoots{{"root 1", true}, {"root 2", false}}));
  EXPECT_TRUE(ends_.empty());
}

TEST_F(UpstreamAuthoritySdk, AStreamThatIsStoppedIsForgotten) {
  ASSERT_TRUE(client().mint_x509(stream_, "csr", 0, listener()).ok());
  EXPECT_TRUE(plugin_.feed().followed());
  stream_.stop();
  EXPECT_FALSE(plugin_.feed().followed());
  plugin_.feed().set_roots({{"root 2", false}});
  EXPECT_TRUE(roots_.empty());
  EXPECT_THAT(ends_, ElementsAre(Code::kCancelled));
}

TEST_F(UpstreamAuthoritySdk, AStreamMayBeStoppedWhileItIsTold) {
  auto inner = listener();
  inner.on_roots = [this](UpstreamRoots roots) {
    roots_.push_back(std::move(roots));
    plugin_.feed().close();
  };
  ASSERT_TRUE(client().mint_x509(stream_, "csr", 0, std::move(inner)).ok());
  plugin_.feed().set_roots({{"root 2", false}});
  plugin_.feed().set_roots({{"root 3", false}});
  EXPECT_EQ(roots_.size(), 1u);
  EXPECT_THAT(ends_, ElementsAre(Code::kUnavailable));
}

TEST_F(UpstreamAuthoritySdk, WhoSubscribesHearsOfRootsAndKeys) {
  plugin_.feed().set_jwt_keys({{"a", "spki", 5, false}});
  const auto roots = client().subscribe(stream_, listener());
  ASSERT_TRUE(roots.ok()) << roots.status().to_string();
  EXPECT_THAT(*roots, ElementsAre(UpstreamRoot{"root 1", false}));
  EXPECT_THAT(keys_, ElementsAre(UpstreamKeys{{"a", "spki", 5, false}}));

  ServiceStream publishing;
  const auto keys = client().publish_jwt_key(publishing, {"b", "spki b", 7, true}, {});
  ASSERT_TRUE(keys.ok()) << keys.status().to_string();
  EXPECT_THAT(*keys, ElementsAre(UpstreamKey{"b", "spki b", 7, true}));
  EXPECT_THAT(keys_.back(), ElementsAre(UpstreamKey{"b", "spki b", 7, true}));

  EXPECT_TRUE(wit_keys_.empty());
  ServiceStream wit;
  const auto wit_keys = client().publish_wit_key(wit, {"w", "spki w", 9, false}, {});
  ASSERT_TRUE(wit_keys.ok()) << wit_keys.status().to_string();
  EXPECT_THAT(*wit_keys, ElementsAre(UpstreamKey{"w", "spki w", 9, false}));
  EXPECT_THAT(wit_keys_, ElementsAre(UpstreamKeys{{"w", "spki w", 9, false}}));
  EXPECT_EQ(keys_.size(), 2u) << "of WIT keys those of JWT-SVIDs hear nothing";
}

TEST_F(UpstreamAuthoritySdk, APluginOfTheFirstTableHasNoPlaceForWitKeys) {
  signet_upstream_authority old = *upstream_authority_table<Upstream>();
  old.struct_size = offsetof(signet_upstream_authority, publish_wit_key);
  host_.offer(SIGNET_UPSTREAM_AUTHORITY, to_abi(&plugin_), &old);
  EXPECT_EQ(client().publish_wit_key(stream_, {"w", "spki", 9, false}, {}).status().code(),
            Code::kUnimplemented);
  EXPECT_TRUE(client().publish_jwt_key(stream_, {"j", "spki", 9, false}, {}).ok());
}

TEST_F(UpstreamAuthoritySdk, ErrorsComeWithTheirWords) {
  const auto bad = client().mint_x509(stream_, "bad", 0, listener());
  EXPECT_EQ(bad.status().code(), Code::kInvalidArgument);
  EXPECT_EQ(bad.status().message(), "malformed CSR");
  EXPECT_EQ(client().mint_x509(stream_, "odd", 0, listener()).status().code(), Code::kInternal);
  plugin_.publishes = false;
  EXPECT_EQ(client().publish_jwt_key(stream_, {}, listener()).status().code(),
            Code::kUnimplemented);
  EXPECT_EQ(client().publish_wit_key(stream_, {}, listener()).status().code(),
            Code::kUnimplemented);
  EXPECT_TRUE(ends_.empty());
  EXPECT_FALSE(plugin_.feed().followed());
}

TEST_F(UpstreamAuthoritySdk, AClosedFeedTakesNoStreams) {
  plugin_.feed().close();
  EXPECT_EQ(client().mint_x509(stream_, "csr", 0, listener()).status().code(), Code::kUnavailable);
  plugin_.feed().open();
  EXPECT_TRUE(client().mint_x509(stream_, "csr", 0, listener()).ok());
}

TEST_F(UpstreamAuthoritySdk, ACallThatIsCancelledAlreadyEndsAtOnce) {
  fakes::FakeCall call;
  call.cancel();
  EXPECT_EQ(upstream_authority_table<Upstream>()->subscribe(to_abi(&plugin_), call.abi()),
            SIGNET_PENDING);
  EXPECT_EQ(call.completed(), SIGNET_CANCELLED);
  EXPECT_FALSE(plugin_.feed().followed());
}

}  // namespace
}  // namespace signet
