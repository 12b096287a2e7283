// The WIT profile of the Workload API, with the feature flag.
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "rig.h"

namespace signet::agent::test {
namespace {

using Response = ::WITSVIDResponse;
using nlohmann::json;

void with_flag(AgentConfig& config) { config.wit_svids = true; }

Rig::CallPtr fetch(Rig& rig, const std::string& id = {}) {
  ::WITSVIDRequest request;
  request.set_spiffe_id(id);
  return rig.call("FetchWITSVID", request.SerializeAsString());
}

TEST(Wit, EachIdentityHasATokenThatIsBoundToTheKeyBesideIt) {
  Rig rig(with_flag);
  rig.server.add(entry("2", "/two", {"unix:uid:0"}));
  rig.server.add(entry("1", "/one", {"unix:uid:0"})).set_hint("main");
  rig.server.add(entry("3", "/other", {"unix:uid:7"}));
  rig.start();
  const auto call = fetch(rig);
  ASSERT_EQ(call->count(), 1u);
  const auto first = call->message<Response>(0);
  ASSERT_EQ(first.svids_size(), 2);
  EXPECT_EQ(first.svids(0).spiffe_id(), "spiffe://example.org/one");
  EXPECT_EQ(first.svids(0).hint(), "main");
  EXPECT_EQ(first.svids(1).spiffe_id(), "spiffe://example.org/two");
  std::set<std::string> keys;
  for (const ::WITSVID& svid : first.svids()) {
    const json key = json::parse(svid.wit_svid_key());
    const std::string& token = svid.wit_svid();
    const json bound = json::parse(token.substr(token.find('{')));
    EXPECT_EQ(key.at("x"), bound.at("x"));
    EXPECT_TRUE(key.contains("d"));
    keys.insert(key.at("x"));
  }
  EXPECT_EQ(keys.size(), 2u);
  EXPECT_FALSE(call->over());
}

TEST(Wit, OneIdentityMayBeAskedForByName) {
  Rig rig(with_flag);
  rig.server.add(entry("1", "/one", {"unix:uid:0"}));
  rig.server.add(entry("2", "/two", {"unix:uid:0"}));
  rig.start();
  const auto call = fetch(rig, "spiffe://example.org/two");
  ASSERT_EQ(call->count(), 1u);
  EXPECT_EQ(call->message<Response>(0).svids_size(), 1);
  EXPECT_EQ(rig.server.wits, 1);
  const auto none = fetch(rig, "spiffe://example.org/none");
  EXPECT_EQ(none->code(), Code::kPermissionDenied);
  EXPECT_EQ(none->words(), "no identity issued");
  EXPECT_EQ(fetch(rig, "x")->code(), Code::kInvalidArgument);
}

TEST(Wit, TheyAreRenewedAtHalfTheirLifeAndWhenTheEntryChanges) {
  Rig rig(with_flag);
  types::Entry& changing = rig.server.add(entry("1", "/one", {"unix:uid:0"}));
  rig.start();
  const auto call = fetch(rig);
  const std::string first = call->message<Response>(0).svids(0).wit_svid();
  rig.host.advance(rig.server.jwt_ttl * 2 / 5);
  EXPECT_EQ(call->count(), 1u);
  rig.host.advance(rig.server.jwt_ttl / 5);
  ASSERT_EQ(call->count(), 2u);
  EXPECT_NE(call->last<Response>().svids(0).wit_svid(), first);
  changing.set_hint("new");
  changing.set_revision_number(1);
  rig.tick();
  rig.host.advance(std::chrono::seconds(1));
  EXPECT_EQ(call->last<Response>().svids(0).hint(), "new");
  rig.server.entries.clear();
  rig.tick();
  rig.host.advance(std::chrono::seconds(1));
  EXPECT_EQ(call->code(), Code::kPermissionDenied);
}

TEST(Wit, AServerThatIsAwayRefusesNewCallsAndLeavesOpenOnesSilent) {
  Rig rig(with_flag);
  rig.server.add(entry("1", "/one", {"unix:uid:0"}));
  rig.start();
  const auto call = fetch(rig);
  EXPECT_EQ(call->count(), 1u);
  rig.server.failure = Status::unavailable("away");
  rig.host.advance(rig.server.jwt_ttl * 2);
  EXPECT_EQ(call->count(), 1u);
  EXPECT_FALSE(call->over());
  const auto late = fetch(rig);
  EXPECT_EQ(late->code(), Code::kUnavailable);
  EXPECT_EQ(late->words(), "could not fetch WIT-SVID: away");
  rig.server.failure = {};
  rig.host.advance(std::chrono::seconds(10));
  EXPECT_EQ(call->count(), 2u);
}

TEST(Wit, BundlesHaveTheKeysOfTheirTrustDomains) {
  Rig rig(with_flag);
  *rig.server.own.add_wit_authorities() = [&] {
    types::WITKey key;
    key.set_key_id("wit-1");
    key.set_public_key(rig.server.own.jwt_authorities(0).public_key());
    return key;
  }();
  rig.server.add(entry("1", "/one", {"unix:uid:0"})).add_federates_with("other.org");
  rig.server.federate("other.org");
  rig.start();
  const auto call = rig.call("FetchWITBundles");
  ASSERT_EQ(call->count(), 1u);
  const auto bundles = call->message<::WITBundlesResponse>(0).bundles();
  EXPECT_EQ(json::parse(bundles.at("spiffe://example.org")).at("keys").at(0).at("kid"), "wit-1");
  EXPECT_TRUE(json::parse(bundles.at("spiffe://other.org")).at("keys").empty());
  EXPECT_EQ(rig.call("FetchJWTBundles")->count(), 1u);
}

TEST(Wit, AShutdownEndsTheStream) {
  Rig rig(with_flag);
  rig.server.add(entry("1", "/one", {"unix:uid:0"}));
  rig.start();
  const auto call = fetch(rig);
  rig.endpoint->stop(std::chrono::seconds(1));
  rig.host.run();
  EXPECT_EQ(call->code(), Code::kUnavailable);
}

}  // namespace
}  // namespace signet::agent::test
