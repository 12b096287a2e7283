#include "identity_store.h"

#include <ctime>

#include <gtest/gtest.h>

#include "fake_server.h"
#include "test_host.h"

namespace signet::agent::test {
namespace {

SelectorSet selectors(const std::vector<std::string>& texts) {
  SelectorSet set;
  for (const std::string& text : texts) set.push_back(Selector::parse(text).value());
  std::sort(set.begin(), set.end());
  return set;
}

EntryPtr make_entry(const std::string& id, const std::vector<std::string>& texts) {
  auto entry = std::make_shared<Entry>(
      Entry{id, SpiffeId::parse("spiffe://example.org/" + id).value(), selectors(texts), {}, {}});
  return entry;
}

EntryMap map_of(const std::vector<EntryPtr>& entries) {
  EntryMap map;
  for (const EntryPtr& entry : entries) map[entry->id] = entry;
  return map;
}

X509SvidPtr svid(const TestHost& host, std::int64_t life = 3600) {
  auto out = std::make_shared<X509SvidData>();
  out->chain = "chain";
  out->not_before = host.unix_seconds();
  out->not_after = host.unix_seconds() + life;
  return out;
}

class IdentityStoreTest : public ::testing::Test {
 protected:
  ~IdentityStoreTest() override { host.run(); }
  /// All there are; what is not among them is gone.
  void set_entries(const EntryMap& entries) {
    EntryChanges changes = entries;
    for (const auto& [id, entry] : std::exchange(now_, entries)) changes.emplace(id, nullptr);
    store.change_entries(changes);
  }
  std::vector<std::string> ids(const std::vector<std::string>& caller) {
    std::vector<std::string> out;
    for (const EntryPtr& entry : store.lookup(selectors(caller))->entries) out.push_back(entry->id);
    return out;
  }
  TestHost host;
  IdentityStore store{host.host(), {3, std::chrono::seconds(0)}};

 private:
  EntryMap now_;
};

TEST_F(IdentityStoreTest, AnEntryMatchesACallerThatHasAllItsSelectors) {
  set_entries(map_of({make_entry("b", {"unix:uid:0", "unix:gid:0"}),
                      make_entry("a", {"unix:uid:0"}), make_entry("c", {"unix:uid:1"})}));
  EXPECT_EQ(ids({"unix:uid:0"}), (std::vector<std::string>{"a"}));
  EXPECT_EQ(ids({"unix:uid:0", "unix:gid:0"}), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(ids({"unix:gid:0"}), (std::vector<std::string>{}));
  EXPECT_EQ(ids({}), (std::vector<std::string>{}));
}

TEST_F(IdentityStoreTest, EqualCallersShareOnePicture) {
  set_entries(map_of({make_entry("a", {"unix:uid:0"})}));
  const auto one = store.subscribe(selectors({"unix:uid:0", "unix:gid:3"}), [] {});
  const auto two = store.subscribe(selectors({"unix:gid:3", "unix:uid:0"}), [] {});
  EXPECT_EQ(one->current(), two->current());
  EXPECT_EQ(one->current(), store.lookup(selectors({"unix:uid:0", "unix:gid:3"})));
}

TEST_F(IdentityStoreTest, OnlyThoseConcernedAreTold) {
  const EntryPtr a = make_entry("a", {"unix:uid:0"});
  const EntryPtr b = make_entry("b", {"unix:uid:1"});
  set_entries(map_of({a, b}));
  int told_a = 0;
  int told_b = 0;
  const auto one = store.subscribe(a->selectors, [&] { ++told_a; });
  const auto two = store.subscribe(b->selectors, [&] { ++told_b; });
  store.put_svids({{"a", svid(host)}}, map_of({a}));
  host.run();
  EXPECT_EQ(told_a, 1);
  EXPECT_EQ(told_b, 0);
  EXPECT_TRUE(one->current()->complete);
  EXPECT_FALSE(two->current()->complete);
}

TEST_F(IdentityStoreTest, SeveralChangesAreToldOnce) {
  const EntryPtr a = make_entry("a", {"unix:uid:0"});
  set_entries(map_of({a}));
  int told = 0;
  const auto one = store.subscribe(a->selectors, [&] { ++told; });
  for (int i = 0; i < 5; ++i) store.put_svids({{"a", svid(host)}}, map_of({a}));
  host.run();
  EXPECT_EQ(told, 1);
}

TEST_F(IdentityStoreTest, NothingIsToldAfterTheSubscriptionIsGone) {
  const EntryPtr a = make_entry("a", {"unix:uid:0"});
  set_entries(map_of({a}));
  int told = 0;
  auto one = store.subscribe(a->selectors, [&] { ++told; });
  auto two = store.subscribe(a->selectors, [&] { one.reset(); });
  store.put_svids({{"a", svid(host)}}, map_of({a}));
  two.reset();
  one.reset();
  host.run();
  EXPECT_EQ(told, 0);
  EXPECT_EQ(store.counts().subscribers, 0u);
}

TEST_F(IdentityStoreTest, ASubscriberWithoutItsSvidIsMintedForFirst) {
  int missing = 0;
  store.on_missing([&] { ++missing; });
  EntryMap entries;
  for (int i = 0; i < 5; ++i) {
    const EntryPtr e = make_entry("e" + std::to_string(i), {"unix:uid:" + std::to_string(i)});
    entries[e->id] = e;
  }
  set_entries(entries);
  const auto plan = store.to_mint(500);
  EXPECT_EQ(plan.entries.size(), 3u);  // prefetch up to the limit of three
  const auto one = store.subscribe(selectors({"unix:uid:4"}), [] {});
  EXPECT_EQ(missing, 1);
  EXPECT_EQ(store.to_mint(1).entries.front()->id, "e4");
}

TEST_F(IdentityStoreTest, ShedsWhatNobodyIsSubscribedToLeastRecentlyUsedFirst) {
  EntryMap entries;
  std::vector<std::pair<std::string, X509SvidPtr>> svids;
  for (int i = 0; i < 5; ++i) {
    const EntryPtr e = make_entry("e" + std::to_string(i), {"unix:uid:" + std::to_string(i)});
    entries[e->id] = e;
    svids.emplace_back(e->id, svid(host));
  }
  set_entries(entries);
  store.put_svids(svids, entries);
  const auto held = store.subscribe(selectors({"unix:uid:0"}), [] {});
  host.advance(std::chrono::seconds(1));
  (void)store.subscribe(selectors({"unix:uid:1"}), [] {});
  store.shed();
  EXPECT_EQ(store.counts().x509_svids, 3u);
  EXPECT_TRUE(held->current()->complete);
  EXPECT_TRUE(store.lookup(selectors({"unix:uid:1"}))->complete);
}

TEST_F(IdentityStoreTest, EntriesForSvidStoresAreNotForWorkloads) {
  auto stored = std::make_shared<Entry>(*make_entry("s", {"unix:uid:0"}));
  stored->store_svid = true;
  set_entries(map_of({stored}));
  EXPECT_EQ(ids({"unix:uid:0"}), (std::vector<std::string>{}));
}

TEST_F(IdentityStoreTest, AnSvidForAnEntryThatIsGoneIsDropped) {
  const EntryPtr a = make_entry("a", {"unix:uid:0"});
  set_entries(map_of({a}));
  set_entries({});
  store.put_svids({{"a", svid(host)}}, map_of({a}));
  EXPECT_EQ(store.counts().x509_svids, 0u);
}

TEST_F(IdentityStoreTest, AnAnswerIsEncodedOnce) {
  const WorkloadUpdatePtr update = store.lookup(selectors({"unix:uid:0"}));
  int made = 0;
  for (int i = 0; i < 3; ++i) {
    (void)update->encoded(1, [&](const WorkloadUpdate&) {
      ++made;
      return host.host().blob("x");
    });
  }
  EXPECT_EQ(made, 1);
}

TEST_F(IdentityStoreTest, ManyDifferentCallersDoNotFillTheMemory) {
  set_entries(map_of({make_entry("a", {"unix:uid:0"})}));
  const auto held = store.subscribe(selectors({"unix:uid:0"}), [] {});
  for (int i = 0; i < 5000; ++i) (void)store.lookup(selectors({"unix:pid:" + std::to_string(i)}));
  EXPECT_EQ(held->current()->entries.size(), 1u);
  set_entries({});
  EXPECT_EQ(held->current()->entries.size(), 0u);
  host.run();
}

TEST_F(IdentityStoreTest, ACallerThatIsGoneIsNotMintedForBeyondTheLimit) {
  EntryMap entries;
  for (int i = 0; i < 5; ++i) {
    const EntryPtr e = make_entry("e" + std::to_string(i), {"unix:uid:" + std::to_string(i)});
    entries[e->id] = e;
  }
  set_entries(entries);
  store.put_svids({{"e0", svid(host)}, {"e1", svid(host)}, {"e2", svid(host)}}, entries);
  EXPECT_TRUE(store.to_mint(500).entries.empty());
  auto one = store.subscribe(selectors({"unix:uid:4"}), [] {});
  EXPECT_EQ(store.to_mint(500).missing, 1u);
  one.reset();
  EXPECT_TRUE(store.to_mint(500).entries.empty());
  EXPECT_EQ(store.to_mint(500).missing, 0u);
}

TEST_F(IdentityStoreTest, AnEntryThatMatchesAnOpenStreamIsMintedForWithoutPrefetch) {
  const auto one = store.subscribe(selectors({"unix:uid:4"}), [] {});
  auto entry = std::make_shared<Entry>(*make_entry("a", {"unix:uid:4"}));
  entry->disable_x509_svid_prefetch = true;
  set_entries(map_of({entry}));
  EXPECT_EQ(store.to_mint(500).entries.size(), 1u);
}

TEST_F(IdentityStoreTest, WhatIsDueIsNamedUntilItIsReplacedOpenStreamsFirst) {
  EntryMap entries;
  std::vector<std::pair<std::string, X509SvidPtr>> svids;
  for (int i = 0; i < 3; ++i) {
    const EntryPtr e = make_entry("e" + std::to_string(i), {"unix:uid:" + std::to_string(i)});
    entries[e->id] = e;
    svids.emplace_back(e->id, svid(host, 1000));
  }
  set_entries(entries);
  store.put_svids(svids, entries);
  const auto one = store.subscribe(selectors({"unix:uid:2"}), [] {});
  EXPECT_EQ(store.to_mint(500).stale, 0u);
  host.advance(std::chrono::seconds(440));
  EXPECT_EQ(store.to_mint(500).stale, 0u);
  host.advance(std::chrono::seconds(120));
  const auto plan = store.to_mint(500);
  EXPECT_EQ(plan.stale, 3u);
  ASSERT_EQ(plan.entries.size(), 3u);
  EXPECT_EQ(plan.entries.front()->id, "e2");
  const auto two = store.subscribe(selectors({"unix:uid:1"}), [] {});
  EXPECT_NE(store.to_mint(2).entries.back()->id, "e0");
  store.put_svids({{"e2", svid(host)}}, entries);
  EXPECT_EQ(store.to_mint(500).stale, 2u);
  EXPECT_EQ(store.to_mint(1).entries.front()->id, "e1");
}

TEST_F(IdentityStoreTest, OfWhatNobodyWatchesTheTaintedComesFirst) {
  const auto distrusted = Authority::make("example.org", host.unix_seconds());
  EntryMap entries;
  std::vector<std::pair<std::string, X509SvidPtr>> svids;
  for (int i = 0; i < 20; ++i) {
    const EntryPtr e = make_entry("e" + std::to_string(i), {"unix:uid:" + std::to_string(i)});
    entries[e->id] = e;
    auto given = std::make_shared<X509SvidData>(*svid(host));
    if (i == 7) {
      const auto key = crypto::PrivateKey::generate(crypto::KeyType::kEcP256).value();
      given->chain =
          crypto::to_string(distrusted.issue("spiffe://example.org/e7", key.public_key().spki(),
                                             host.unix_seconds(), std::chrono::hours(1)));
    }
    svids.emplace_back(e->id, given);
  }
  IdentityStore many{host.host(), {20, std::chrono::seconds(0)}};
  many.change_entries(EntryChanges(entries.begin(), entries.end()));
  many.put_svids(svids, entries);
  host.advance(std::chrono::minutes(40));
  EXPECT_EQ(many.to_mint(500).stale, 20u);
  EXPECT_EQ(many.taint(x509::RootPool({distrusted.certificate}),
                       [](std::size_t) { return std::chrono::nanoseconds(0); }),
            1u);
  EXPECT_EQ(many.to_mint(500).stale, 20u);
  EXPECT_EQ(many.to_mint(1).entries.front()->id, "e7");
}

TEST_F(IdentityStoreTest, AClockSetForwardMakesWhatExpiredDue) {
  const EntryPtr a = make_entry("a", {"unix:uid:0"});
  set_entries(map_of({a}));
  store.put_svids({{"a", svid(host)}}, map_of({a}));
  host.set_forward(std::chrono::hours(24));
  EXPECT_EQ(store.to_mint(500).stale, 1u);
}

// Each round used to look at every entry: 10,000 rounds took a minute of the processor then, and a
// blink now.
TEST_F(IdentityStoreTest, ARoundCostsWhatChangedNotHowManyEntriesThereAre) {
  constexpr std::size_t kEntries = 100'000;
  IdentityStore large{host.host(), {kEntries, std::chrono::seconds(0)}};
  EntryMap entries;
  std::vector<std::pair<std::string, X509SvidPtr>> svids;
  for (std::size_t i = 0; i < kEntries; ++i) {
    const EntryPtr e = make_entry("e" + std::to_string(i), {"unix:uid:" + std::to_string(i)});
    entries[e->id] = e;
    if (i % 2 == 0) svids.emplace_back(e->id, svid(host));
  }
  large.change_entries(entries);
  large.put_svids(svids, entries);
  const auto one = large.subscribe(selectors({"unix:uid:0"}), [] {});
  const std::clock_t began = std::clock();
  for (int i = 0; i < 10'000; ++i) {
    large.put_svids({{"e0", svid(host)}}, entries);
    EXPECT_EQ(large.to_mint(1).entries.size(), 1u);
  }
  EXPECT_LT(std::clock() - began, 5 * CLOCKS_PER_SEC);
}

}  // namespace
}  // namespace signet::agent::test
