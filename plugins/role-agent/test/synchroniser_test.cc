#include "synchroniser.h"

#include <gtest/gtest.h>

#include "rig.h"

namespace signet::agent::test {
namespace {

using Response = ::X509SVIDResponse;
using std::chrono::seconds;

TEST(Synchroniser, FindsANewEntryWithinTheInterval) {
  Rig rig;
  rig.start();
  EXPECT_EQ(rig.x509()->code(), Code::kPermissionDenied);
  rig.server.add(entry("1", "/me", {"unix:uid:0"}));
  rig.tick();
  EXPECT_EQ(rig.x509()->message<Response>(0).svids_size(), 1);
}

TEST(Synchroniser, AnEntryThatComesLaterReachesTheOpenStream) {
  Rig rig;
  rig.server.add(entry("1", "/one", {"unix:uid:0"}));
  rig.start();
  const auto call = rig.x509();
  rig.server.add(entry("2", "/two", {"unix:uid:0"}));
  rig.tick();
  EXPECT_EQ(call->last<Response>().svids_size(), 2);
  // The state between, with the entry but without its SVID, may be sent but not more often.
  EXPECT_LE(call->count(), 3u);
}

TEST(Synchroniser, AnEditedEntryGetsANewSvid) {
  Rig rig;
  types::Entry& e = rig.server.add(entry("1", "/me", {"unix:uid:0"}));
  rig.start();
  const auto call = rig.x509();
  e.set_hint("db");
  e.set_revision_number(1);
  rig.tick();
  const auto last = call->last<Response>();
  EXPECT_EQ(last.svids(0).hint(), "db");
  EXPECT_NE(last.svids(0).x509_svid(), call->message<Response>(0).svids(0).x509_svid());
}

TEST(Synchroniser, NeverServesAnSvidUnderANameThatChanged) {
  Rig rig;
  types::Entry& e = rig.server.add(entry("1", "/old", {"unix:uid:0"}));
  rig.start();
  const auto call = rig.x509();
  e.mutable_spiffe_id()->set_path("/new");
  e.set_revision_number(1);
  rig.tick();
  for (std::size_t i = 0; i < call->count(); ++i) {
    const auto response = call->message<Response>(i);
    for (const auto& svid : response.svids()) {
      const auto leaf = x509::Certificate::parse_concatenated(crypto::as_bytes(svid.x509_svid()));
      EXPECT_EQ(leaf->front().spiffe_id()->to_string(), svid.spiffe_id());
    }
  }
  EXPECT_EQ(call->last<Response>().svids(0).spiffe_id(), "spiffe://example.org/new");
}

TEST(Synchroniser, OpenStreamsSeeARotationBeforeTheSvidExpires) {
  Rig rig;
  rig.server.x509_ttl = seconds(60);
  rig.server.add(entry("1", "/me", {"unix:uid:0"}));
  rig.start();
  const auto call = rig.x509();
  rig.host.advance(seconds(120));
  EXPECT_GE(call->count(), 4u);
  EXPECT_LE(call->count(), 6u);
}

// The agent's clock is two hours wrong at its start and is then corrected: soon everything is as if
// it had been right.
TEST(Synchroniser, AClockThatWasTwoHoursWrongDoesNoLastingDamage) {
  for (const seconds ahead : {seconds(7200), seconds(-7200)}) {
    Rig rig;
    rig.server.ahead = ahead;
    rig.server.add(entry("1", "/me", {"unix:uid:0"}));
    rig.start();
    rig.host.advance(seconds(60));
    rig.host.set_forward(ahead);
    rig.server.ahead = seconds(0);
    rig.host.advance(2 * rig.config.sync_interval + seconds(30));
    const auto call = rig.x509();
    ASSERT_EQ(call->code(), Code::kOk) << ahead.count() << ": " << call->words();
    const auto response = call->message<Response>(0);
    const auto chain =
        x509::Certificate::parse_concatenated(crypto::as_bytes(response.svids(0).x509_svid()));
    const std::int64_t now = rig.host.unix_seconds();
    EXPECT_LE(x509::to_unix(chain->front().not_before()), now);
    EXPECT_GT(x509::to_unix(chain->front().not_after()), now + 600);
    // Nothing is made again and again.
    const std::size_t made = rig.server.svids;
    rig.host.advance(seconds(300));
    EXPECT_LE(rig.server.svids, made + 1) << ahead.count();
    EXPECT_EQ(rig.fetch_jwt({"a"})->code(), Code::kOk);
  }
}

TEST(Synchroniser, KeepsServingWhileTheServerIsAway) {
  Rig rig;
  rig.server.add(entry("1", "/me", {"unix:uid:0"}));
  rig.start();
  rig.server.failure = Status::unavailable("the server is away");
  rig.host.advance(std::chrono::minutes(10));
  EXPECT_EQ(rig.x509()->count(), 1u);
  EXPECT_FALSE(rig.failures.empty());
  // The waits grow: ten minutes of five-second rounds would be 120.
  EXPECT_LT(rig.failures.size(), 40u);
  rig.server.failure = {};
  rig.server.entries.clear();
  rig.host.advance(std::chrono::minutes(8));
  EXPECT_EQ(rig.x509()->code(), Code::kPermissionDenied);
}

TEST(Synchroniser, AsksForChangedEntriesOnly) {
  Rig rig;
  rig.server.page = 3;
  for (int i = 0; i < 10; ++i) {
    rig.server.add(entry("id-" + std::to_string(i), "/w" + std::to_string(i), {"unix:uid:0"}));
  }
  rig.start();
  EXPECT_EQ(rig.server.entries_sent, 10u);
  rig.server.entries["id-4"].set_revision_number(1);
  rig.server.entries.erase("id-7");
  rig.tick();
  EXPECT_EQ(rig.server.entries_sent, 11u);
  EXPECT_EQ(rig.store->counts().entries, 9u);
}

TEST(Synchroniser, Rule12SkipsAMalformedEntryAndKeepsTheOthers) {
  Rig rig;
  rig.server.add(entry("1", "/fine", {"unix:uid:0"}));
  rig.server.add(entry("2", "/bad//path", {"unix:uid:0"}));
  rig.server.add(entry("3", "/no-selectors", {}));
  rig.server.add(entry("4", "/bad-domain", {"unix:uid:0"})).add_federates_with("UPPER");
  rig.start();
  EXPECT_EQ(rig.store->counts().entries, 1u);
}

TEST(Synchroniser, WorksWithServersThatOnlySendTheWholeList) {
  Rig rig([](AgentConfig& config) { config.use_sync_authorized_entries = false; });
  rig.server.add(entry("1", "/me", {"unix:uid:0"}));
  rig.start();
  const int minted = rig.server.mints;
  rig.tick();
  EXPECT_EQ(rig.server.mints, minted);  // nothing changed: nothing is minted anew
  EXPECT_EQ(rig.x509()->count(), 1u);
}

TEST(Synchroniser, TaintedAuthoritysSvidsStayUntilTheirReplacementIsThere) {
  Rig rig;
  rig.server.add(entry("1", "/me", {"unix:uid:0"}));
  rig.start();
  const auto call = rig.x509();
  rig.server.rotate_with_taint();
  rig.tick();
  const auto last = call->last<Response>();
  EXPECT_NE(last.svids(0).x509_svid(), call->message<Response>(0).svids(0).x509_svid());
  for (std::size_t i = 0; i < call->count(); ++i) {
    EXPECT_EQ(call->message<Response>(i).svids_size(), 1) << i;  // no gap
  }
  const int minted = rig.server.mints;
  rig.host.advance(seconds(30));
  EXPECT_EQ(rig.server.mints, minted);  // each authority is processed once
}

TEST(Synchroniser, TaintedAuthoritysSvidsAreReplacedOpenStreamsFirstAndSpreadOut) {
  Rig rig;
  rig.server.add(entry("me", "/me", {"unix:uid:0"}));
  for (int i = 0; i < 49; ++i) {
    rig.server.add(entry("id-" + std::to_string(i), "/w" + std::to_string(i), {"unix:uid:7"}));
  }
  rig.start();
  const auto call = rig.x509();
  const std::size_t messages = call->count();
  EXPECT_EQ(rig.store->counts().x509_svids, 50u);
  rig.server.rotate_with_taint();
  const std::size_t before = rig.server.svids;
  rig.sync->sync_soon();
  rig.host.advance(std::chrono::milliseconds(900));
  EXPECT_EQ(call->count(), messages + 2) << "the bundle, and the replacement within a second";
  const std::size_t first = rig.server.svids - before;
  EXPECT_GE(first, 1u);
  EXPECT_LE(first, 15u) << "not all at once";
  EXPECT_EQ(rig.store->counts().x509_svids, 50u) << "the old ones stay";
  rig.host.advance(seconds(2));
  EXPECT_GT(rig.server.svids - before, first);
  EXPECT_LT(rig.server.svids - before, 45u);
  rig.host.advance(seconds(4));
  EXPECT_EQ(rig.server.svids - before, 50u) << "each once";
}

// How many of 50 tainted X509-SVIDs have a replacement after each of these times.
std::vector<std::size_t> replaced(Rig& rig, const std::vector<seconds>& after) {
  for (int i = 0; i < 50; ++i) {
    rig.server.add(entry("id-" + std::to_string(i), "/w" + std::to_string(i), {"unix:uid:7"}));
  }
  rig.start();
  rig.server.mint_takes = {};
  rig.server.rotate_with_taint();
  const std::size_t before = rig.server.svids;
  rig.sync->sync_soon();
  std::vector<std::size_t> out;
  seconds now{0};
  for (const seconds at : after) {
    rig.host.advance(at - std::exchange(now, at));
    out.push_back(rig.server.svids - before);
  }
  return out;
}

TEST(Synchroniser, TheTaintWindowIsASetting) {
  Rig rig([](AgentConfig& config) { config.taint_window = std::chrono::minutes(1); });
  const auto done = replaced(rig, {seconds(6), seconds(30), seconds(63)});
  EXPECT_GE(done[0], 1u);
  EXPECT_LE(done[0], 10u);
  EXPECT_GE(done[1], 15u);
  EXPECT_LE(done[1], 35u);
  EXPECT_EQ(done[2], 50u);
}

TEST(Synchroniser, ASlowServerGetsALongerTaintWindow) {
  Rig rig;
  rig.server.mint_takes = std::chrono::milliseconds(400);  // half of that speed: 40 s for 50
  const auto done = replaced(rig, {seconds(6), seconds(20), seconds(43)});
  EXPECT_GE(done[0], 1u);
  EXPECT_LE(done[0], 15u) << "the shortest window, 5 s, would have ended";
  EXPECT_LE(done[1], 35u);
  EXPECT_EQ(done[2], 50u);
}

TEST(Synchroniser, TaintedJwtAuthoritysTokensAreDropped) {
  Rig rig;
  rig.server.add(entry("1", "/me", {"unix:uid:0"}));
  rig.start();
  EXPECT_EQ(rig.fetch_jwt({"a"})->code(), Code::kOk);
  EXPECT_EQ(rig.jwt->size(), 1u);
  rig.server.own.mutable_jwt_authorities(0)->set_tainted(true);
  rig.tick();
  EXPECT_EQ(rig.jwt->size(), 0u);
}

TEST(Synchroniser, OneRefusedItemHoldsBackItsOwnCallerOnly) {
  Rig rig;
  rig.server.add(entry("1", "/fine", {"unix:uid:0"}));
  rig.server.add(entry("2", "/refused", {"unix:uid:7"}));
  rig.server.refuse.insert("2");
  rig.start();
  EXPECT_EQ(rig.x509()->count(), 1u);
  rig.host.advance(std::chrono::minutes(1));
  EXPECT_LT(rig.server.mints, 20);  // it is asked again, ever more slowly
  rig.server.refuse.clear();
  rig.host.advance(std::chrono::minutes(4));
  EXPECT_EQ(rig.store->counts().x509_svids, 2u);
}

TEST(Synchroniser, ARefusedItemDelaysNoOtherAndIsAskedForAgainOnceItsEntryChanges) {
  Rig rig;
  types::Entry& bad = rig.server.add(entry("1", "/refused", {"unix:uid:7"}));
  rig.server.refuse.insert("1");
  rig.start();
  rig.host.advance(std::chrono::minutes(10));
  const int asked = rig.server.mints;
  rig.server.add(entry("2", "/new", {"unix:uid:0"}));
  rig.tick();
  EXPECT_EQ(rig.x509()->count(), 1u) << "as soon as it is known";
  EXPECT_EQ(rig.store->counts().x509_svids, 1u);
  EXPECT_LE(rig.server.mints, asked + 2);
  rig.server.refuse.clear();
  bad.set_revision_number(bad.revision_number() + 1);
  rig.tick();
  EXPECT_EQ(rig.store->counts().x509_svids, 2u);
}

TEST(Synchroniser, MintsInBatchesOfAtMostFiveHundred) {
  Rig rig([](AgentConfig& config) { config.x509_cache_size = 2000; });
  for (int i = 0; i < 1100; ++i) {
    rig.server.add(entry("id-" + std::to_string(i), "/w" + std::to_string(i),
                         {"unix:uid:" + std::to_string(i + 10)}));
  }
  rig.start();
  EXPECT_EQ(rig.server.mints, 3);
  EXPECT_EQ(rig.store->counts().x509_svids, 1100u);
}

TEST(Synchroniser, KeepsTheBundleThatAServerLeavesOut) {
  Rig rig;
  rig.server.add(entry("1", "/me", {"unix:uid:0"}));
  rig.start();
  rig.server.own.clear_x509_authorities();
  rig.tick();
  EXPECT_NE(rig.store->own_bundle(), nullptr);
  EXPECT_FALSE(rig.store->own_bundle()->x509_der.empty());
}

TEST(Synchroniser, Rule41KeepsBundlesOfTrustDomainsApart) {
  Rig rig;
  rig.server.add(entry("1", "/me", {"unix:uid:0"})).add_federates_with("other.org");
  rig.server.federate("other.org").set_trust_domain("example.org");  // a lie
  rig.start();
  EXPECT_EQ(rig.store->bundle("other.org"), nullptr);
  EXPECT_EQ(rig.x509()->message<Response>(0).federated_bundles().size(), 0u);
}

// ---- a server that tells of changes (delivery.h)

delivery_v1::FollowResponse resync() {
  delivery_v1::FollowResponse told;
  told.set_resync(true);
  return told;
}

TEST(Synchroniser, WhatTheServerTellsOfIsServedWithoutAskingIt) {
  Rig rig;
  rig.start();
  ASSERT_TRUE(rig.tell(resync()).ok());
  const int syncs = rig.server.syncs, bundles = rig.server.bundles;
  delivery_v1::FollowResponse told;
  *told.add_entries() = rig.server.add(entry("1", "/me", {"unix:uid:0"}));
  ASSERT_TRUE(rig.tell(told).ok());
  const auto call = rig.x509();
  ASSERT_EQ(call->count(), 1u);
  told.Clear();
  told.add_gone("1");
  told.add_gone("never here");
  ASSERT_TRUE(rig.tell(told).ok());
  EXPECT_EQ(call->code(), Code::kPermissionDenied);
  EXPECT_EQ(rig.server.syncs, syncs);
  EXPECT_EQ(rig.server.bundles, bundles);
}

TEST(Synchroniser, OfTheBundlesThatChangedThoseThatEntriesNameAreAskedFor) {
  Rig rig;
  rig.server.federate("other.org");
  rig.server.federate("new.org");
  rig.server.add(entry("1", "/me", {"unix:uid:0"})).add_federates_with("other.org");
  rig.start();
  const auto call = rig.x509();
  const auto federated = [&] {
    std::set<std::string> names;
    const auto last = call->last<::X509SVIDResponse>();
    for (const auto& [name, bundle] : last.federated_bundles()) names.insert(name);
    return names;
  };
  EXPECT_EQ(federated(), (std::set<std::string>{"spiffe://other.org"}));
  const auto old = call->last<::X509SVIDResponse>().federated_bundles().at("spiffe://other.org");
  const int bundles = rig.server.bundles;
  rig.server.federated["other.org"].clear_x509_authorities();
  rig.server.federate("other.org");
  delivery_v1::FollowResponse told;
  told.add_bundles("other.org");
  told.add_bundles("of-nobody.org");
  ASSERT_TRUE(rig.tell(told).ok());
  EXPECT_NE(call->last<::X509SVIDResponse>().federated_bundles().at("spiffe://other.org"), old);
  EXPECT_EQ(rig.server.bundles, bundles);
  // An entry that names another one brings it along.
  told.Clear();
  types::Entry& e = rig.server.entries.at("1");
  e.add_federates_with("new.org");
  e.set_revision_number(e.revision_number() + 1);
  *told.add_entries() = e;
  ASSERT_TRUE(rig.tell(told).ok());
  EXPECT_EQ(federated(), (std::set<std::string>{"spiffe://new.org", "spiffe://other.org"}));
  told.Clear();
  told.add_bundles("example.org");
  rig.server.rotate_with_taint();
  ASSERT_TRUE(rig.tell(told).ok());
  EXPECT_EQ(rig.new_bundles, 2);
}

TEST(Synchroniser, AServerThatTellsIsAskedRarelyAndAgainEachIntervalOnceItIsSilent) {
  Rig rig;
  rig.server.add(entry("1", "/me", {"unix:uid:0"}));
  rig.start();
  rig.sync->set_live(true);
  ASSERT_TRUE(rig.tell(resync()).ok());
  int syncs = rig.server.syncs;
  rig.host.advance(std::chrono::seconds(50));
  EXPECT_EQ(rig.server.syncs, syncs);
  rig.host.advance(std::chrono::seconds(10));
  EXPECT_EQ(rig.server.syncs, syncs + 1);
  rig.sync->set_live(false);
  syncs = rig.server.syncs;
  rig.tick();
  EXPECT_EQ(rig.server.syncs, syncs + 1);
  rig.tick();
  EXPECT_GT(rig.server.syncs, syncs + 1);
}

TEST(Synchroniser, AnEntrysEndIsAskedForWhenItIsDue) {
  Rig rig;
  rig.server.add(entry("1", "/me", {"unix:uid:0"})).set_expires_at(rig.host.unix_seconds() + 20);
  rig.start();
  rig.sync->set_live(true);
  ASSERT_TRUE(rig.tell(resync()).ok());
  const auto call = rig.x509();
  rig.host.advance(std::chrono::seconds(15));
  EXPECT_FALSE(call->over());
  rig.server.entries.clear();  // as the server does at that second
  rig.host.advance(std::chrono::seconds(5) + 2 * rig.config.sync_interval);
  EXPECT_TRUE(call->over());
}

TEST(Synchroniser, TheEndOfAnEntryThatWasToldIsAskedForToo) {
  Rig rig;
  rig.start();
  rig.sync->set_live(true);
  ASSERT_TRUE(rig.tell(resync()).ok());
  delivery_v1::FollowResponse told;
  types::Entry& brief = rig.server.add(entry("1", "/me", {"unix:uid:0"}));
  brief.set_expires_at(rig.host.unix_seconds() + 20);
  *told.add_entries() = brief;
  ASSERT_TRUE(rig.tell(told).ok());
  const auto call = rig.x509();
  ASSERT_EQ(call->count(), 1u);
  rig.server.entries.clear();
  rig.host.advance(std::chrono::seconds(20) + 2 * rig.config.sync_interval);
  EXPECT_TRUE(call->over());
}

TEST(Synchroniser, WhatCouldNotBeTakenOverIsAnError) {
  Rig rig;
  rig.server.add(entry("1", "/me", {"unix:uid:0"})).add_federates_with("other.org");
  rig.start();
  rig.server.failure = Status::unavailable("away");
  delivery_v1::FollowResponse told;
  told.add_bundles("example.org");
  EXPECT_EQ(rig.tell(told).code(), Code::kUnavailable);
  rig.sync->stop();
  EXPECT_EQ(rig.tell(told).code(), Code::kCancelled);
}

}  // namespace
}  // namespace signet::agent::test
