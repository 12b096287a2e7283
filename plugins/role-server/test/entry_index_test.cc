#include "entry_index.h"

#include <algorithm>
#include <cstdio>
#include <functional>
#include <malloc.h>
#include <map>
#include <random>
#include <set>

#include <gtest/gtest.h>

#include "signet/testing/fake_host.h"

#include "entry_helpers.h"
#include "server_fakes.h"

namespace signet::server {
namespace {

using spire::api::types::Entry;

class EntryIndexTest : public ::testing::Test {
 protected:
  fakes::FakeHost host_;
  EntryIndex index_{Host(host_.abi()), TrustDomain::parse("example.org").value()};
  std::uint64_t revision_ = 0;

  void put(const Entry& entry) { index_.apply(entry, ++revision_); }
  void erase(const std::string& id) { index_.erase(id, ++revision_); }
  std::set<std::string> authorized(std::string_view agent = kAgentId) const {
    std::set<std::string> ids;
    for (const IndexedPtr& entry : index_.authorized(agent)) {
      EXPECT_TRUE(ids.emplace(entry->id()).second) << "twice: " << entry->id();
    }
    return ids;
  }
  bool may(const std::string& id, std::string_view agent = kAgentId) const {
    return index_.find_authorized(agent, id) != nullptr;
  }
};

TEST_F(EntryIndexTest, AnAgentHasItsChildrenAndTheirChildren) {
  put(make_entry("child", kAgentPath, "/node"));
  put(make_entry("grandchild", "/node", "/web"));
  put(make_entry("stranger", "/elsewhere", "/db"));
  EXPECT_EQ(authorized(), (std::set<std::string>{"child", "grandchild"}));
  EXPECT_TRUE(may("grandchild"));
  EXPECT_FALSE(may("stranger"));
  EXPECT_FALSE(may("no such entry"));
}

TEST_F(EntryIndexTest, ACycleOfParentsEnds) {
  put(make_entry("child", kAgentPath, "/a"));
  put(make_entry("forth", "/a", "/b"));
  put(make_entry("back", "/b", "/a"));
  EXPECT_EQ(authorized(), (std::set<std::string>{"back", "child", "forth"}));
  EXPECT_TRUE(may("back"));
  put(make_entry("loop1", "/x", "/y"));
  put(make_entry("loop2", "/y", "/x"));
  EXPECT_FALSE(may("loop1"));
}

TEST_F(EntryIndexTest, ANodeAliasNeedsAllItsSelectorsAndIsNotHandedOut) {
  put(make_entry("alias", kServerPath, "/fleet", {"a", "b"}));
  put(make_entry("web", "/fleet", "/web"));
  EXPECT_EQ(authorized(), std::set<std::string>{});
  index_.agent_changed(kAgentId, {"unix:a"});
  EXPECT_EQ(authorized(), std::set<std::string>{});
  index_.agent_changed(kAgentId, {"unix:c", "unix:b", "unix:a"});
  EXPECT_EQ(authorized(), std::set<std::string>{"web"});
  EXPECT_TRUE(may("web"));
  EXPECT_FALSE(may("alias"));
  index_.agent_removed(kAgentId);
  EXPECT_EQ(authorized(), std::set<std::string>{});
}

TEST_F(EntryIndexTest, ForeignTrustDomainsAreIgnored) {
  Entry foreign_parent = make_entry("a", kAgentPath, "/a");
  foreign_parent.mutable_parent_id()->set_trust_domain("elsewhere.org");
  put(foreign_parent);
  Entry foreign_id = make_entry("b", kAgentPath, "/b");
  foreign_id.mutable_spiffe_id()->set_trust_domain("elsewhere.org");
  put(foreign_id);
  EXPECT_EQ(index_.count(), 0u);
  EXPECT_EQ(authorized("spiffe://elsewhere.org/spire/agent/join_token/a"), std::set<std::string>{});
}

TEST_F(EntryIndexTest, AChangeMovesAnEntryAndAnErasureTakesItAway) {
  put(make_entry("e", kAgentPath, "/a"));
  put(make_entry("e", "/elsewhere", "/a"));
  EXPECT_EQ(authorized(), std::set<std::string>{});
  EXPECT_EQ(index_.count(), 1u);
  put(make_entry("e", kAgentPath, "/a"));
  EXPECT_TRUE(may("e"));
  erase("e");
  EXPECT_FALSE(may("e"));
  EXPECT_EQ(index_.count(), 0u);
}

TEST_F(EntryIndexTest, AnOlderStateNeverReplacesANewerOne) {
  Entry entry = make_entry("e", kAgentPath, "/a");
  entry.set_hint("new");
  index_.apply(entry, 10);
  entry.set_hint("old");
  index_.apply(entry, 9);
  EXPECT_EQ(index_.find("e")->message().hint(), "new");
  index_.erase("e", 9);
  EXPECT_NE(index_.find("e"), nullptr);
  index_.erase("e", 11);
  index_.apply(entry, 10);  // read before the deletion, applied after it
  EXPECT_EQ(index_.find("e"), nullptr);
  EXPECT_TRUE(index_.knows({"entry", "e", 11, true}));
  index_.apply(entry, 12);
  EXPECT_NE(index_.find("e"), nullptr);
}

TEST_F(EntryIndexTest, AnEntryIsHandedOutUntilItsSecond) {
  Entry entry = make_entry("e", kAgentPath, "/a");
  entry.set_expires_at(100);
  entry.set_admin(true);
  put(entry);
  put(make_entry("child", "/a", "/b"));
  host_.set_wall_seconds(99);
  EXPECT_EQ(authorized(), (std::set<std::string>{"e", "child"}));
  EXPECT_TRUE(may("e"));
  EXPECT_TRUE(may("child"));
  EXPECT_TRUE(index_.privileges("spiffe://example.org/a").admin);
  host_.set_wall_seconds(100);
  EXPECT_EQ(authorized(), std::set<std::string>{});
  EXPECT_FALSE(may("e"));
  EXPECT_FALSE(may("child"));
  EXPECT_FALSE(index_.privileges("spiffe://example.org/a").admin);
}

TEST(EntryIndexReload, CallsGoOnMeanwhileAndWhatIsGoneGoes) {
  testing::QuietHost host;
  const auto store = *Datastore::acquire(host.host());
  EntryIndex index(host.host(), TrustDomain::parse("example.org").value());
  const auto write = [&](const std::function<void(Transaction&)>& change) {
    auto tx = store.write();
    change(*tx);
    EXPECT_TRUE(tx->commit().ok());
  };
  const auto reload = [&] {
    auto tx = store.read();
    EXPECT_TRUE(index.reload(*tx).ok());
  };
  const auto there = [&] {
    std::set<std::string> ids;
    for (const IndexedPtr& entry : index.authorized(kAgentId)) ids.emplace(entry->id());
    return ids;
  };
  write([&](Transaction& tx) {
    for (const char* id : {"gone", "changed", "kept"}) {
      Record record = entry_to_record(make_entry(id, kAgentPath, "/a"));
      EXPECT_TRUE(tx.put(record).ok());
    }
  });
  reload();
  EXPECT_EQ(there(), (std::set<std::string>{"gone", "changed", "kept"}));
  // As the datastore lost it later on: a reload believes the datastore, not the higher revision.
  Entry lost = make_entry("changed", kAgentPath, "/a");
  lost.set_hint("lost");
  index.apply(lost, 1000);
  write([&](Transaction& tx) { EXPECT_TRUE(tx.erase("entry", "gone").ok()); });
  int looks = 0;
  host.store().on_emit = [&] {
    ++looks;
    EXPECT_EQ(there(), (std::set<std::string>{"gone", "changed", "kept"}));
  };
  reload();
  EXPECT_EQ(looks, 2);
  EXPECT_EQ(there(), (std::set<std::string>{"changed", "kept"}));
  EXPECT_EQ(index.find("changed")->message().hint(), "");
}

TEST_F(EntryIndexTest, PrivilegesComeFromAnyEntryWithThatId) {
  Entry entry = make_entry("plain", kAgentPath, "/ops");
  put(entry);
  EXPECT_FALSE(index_.privileges("spiffe://example.org/ops").admin);
  entry.set_id("admin");
  entry.set_admin(true);
  put(entry);
  EXPECT_TRUE(index_.privileges("spiffe://example.org/ops").admin);
  EXPECT_EQ(index_.privileges("spiffe://example.org/ops").downstream, nullptr);
  entry.set_id("down");
  entry.set_admin(false);
  entry.set_downstream(true);
  put(entry);
  EXPECT_EQ(index_.privileges("spiffe://example.org/ops").downstream->id(), "down");
  erase("admin");
  EXPECT_FALSE(index_.privileges("spiffe://example.org/ops").admin);
}

TEST_F(EntryIndexTest, EntriesThatShareASpiffeIdComeAndGoOneByOne) {
  for (const char* id : {"a", "b", "c"}) put(make_entry(id, kAgentPath, "/shared"));
  put(make_entry("below", "/shared", "/web"));
  for (const char* id : {"a", "c"}) {  // the first and the last of the list
    erase(id);
    EXPECT_TRUE(may("below")) << id;
  }
  put(make_entry("a", kAgentPath, "/shared"));
  erase("b");
  EXPECT_EQ(authorized(), (std::set<std::string>{"a", "below"}));
  EXPECT_EQ(index_.by_spiffe_id("spiffe://example.org/shared").size(), 1u);
  erase("a");
  EXPECT_EQ(authorized(), std::set<std::string>{});
  EXPECT_TRUE(index_.by_spiffe_id("spiffe://example.org/shared").empty());
}

TEST_F(EntryIndexTest, ManyAreAskedForAtOnce) {
  put(make_entry("child", kAgentPath, "/node"));
  put(make_entry("grandchild", "/node", "/web"));
  put(make_entry("stranger", "/elsewhere", "/db"));
  const std::vector<std::string_view> ids = {"grandchild", "stranger", "none", "child"};
  std::vector<std::string> found;
  for (const IndexedPtr& entry : index_.find_authorized(kAgentId, ids))
    found.emplace_back(entry->id());
  EXPECT_EQ(found, (std::vector<std::string>{"grandchild", "child"}));
}

TEST_F(EntryIndexTest, AnEntryInUseOutlivesItsErasure) {
  const Entry entry = make_entry("e", kAgentPath, "/a");
  put(entry);
  const IndexedPtr held = index_.find("e");
  erase("e");
  EXPECT_EQ(held->message().SerializeAsString(), entry.SerializeAsString());
  EXPECT_EQ(held->id(), "e");
  EXPECT_EQ(held->path(), "/a");
}

// As after a failover, when the log no longer tells what has changed.
TEST(EntryIndexReload, ReplacesWhatDiffersAndKeepsTheRestInPlace) {
  testing::QuietHost host;
  const Datastore store = *Datastore::acquire(host.host());
  EntryIndex index(host.host(), TrustDomain::parse("example.org").value());
  const auto write = [&](const Entry& entry) {
    auto tx = store.write();
    Record record = entry_to_record(entry);
    EXPECT_TRUE(tx->put(record).ok());
    EXPECT_TRUE(tx->commit().ok());
  };
  const auto reload = [&] {
    auto tx = store.read();
    EXPECT_TRUE(index.reload(*tx).ok());
  };
  write(make_entry("same", kAgentPath, "/same"));
  write(make_entry("other", kAgentPath, "/before"));
  reload();
  index.apply(make_entry("lost", kAgentPath, "/lost"), 1000);  // its commit did not survive
  const IndexedPtr same = index.find("same");
  ASSERT_NE(same, nullptr);
  write(make_entry("other", kAgentPath, "/after"));
  write(make_entry("new", kAgentPath, "/new"));
  reload();
  EXPECT_EQ(index.find("same"), same);
  EXPECT_EQ(index.find("other")->path(), "/after");
  EXPECT_EQ(index.find("lost"), nullptr);
  EXPECT_EQ(index.count(), 3u);
  EXPECT_EQ(index.authorized(kAgentId).size(), 3u);
}

// The definition, computed from nothing for each question.
std::set<std::string> model_authorized(const std::map<std::string, Entry>& entries,
                                       const std::set<std::string>& agent_selectors) {
  std::set<std::string> reached = {kAgentPath};
  for (const auto& [id, entry] : entries) {
    if (entry.parent_id().path() != kServerPath) continue;
    const bool all = std::all_of(
        entry.selectors().begin(), entry.selectors().end(),
        [&](const auto& s) { return agent_selectors.contains(s.type() + ":" + s.value()); });
    if (all) reached.insert(entry.spiffe_id().path());
  }
  std::set<std::string> ids;
  for (bool grew = true; grew;) {
    grew = false;
    for (const auto& [id, entry] : entries) {
      if (!reached.contains(entry.parent_id().path()) || !ids.insert(id).second) continue;
      reached.insert(entry.spiffe_id().path());
      grew = true;
    }
  }
  return ids;
}

// What the index said about one agent since it was last asked.
class Listener final : public EntryWatcher {
 public:
  explicit Listener(const EntryIndex& index) : index_(index) {}
  bool watching() const override { return true; }
  void entry_changed(std::string_view agent_path, std::string_view entry_id) override {
    if (agent_path == kAgentPath) told_.emplace(entry_id);
  }
  void entries_changed(ManyConcerned concerned) override { many_.push_back(std::move(concerned)); }
  std::set<std::string> take() {
    for (const ManyConcerned& concerned : std::exchange(many_, {})) {
      if (!index_.answers_to(kAgentPath, concerned)) continue;
      told_.insert(concerned.entry_ids.begin(), concerned.entry_ids.end());
      if (concerned.entry_ids.empty()) told_.emplace();
    }
    return std::exchange(told_, {});
  }

 private:
  const EntryIndex& index_;
  std::set<std::string> told_;
  std::vector<ManyConcerned> many_;  // asked about later, as the index is locked when they come
};

TEST_F(EntryIndexTest, AChangeIsToldOfToTheAgentsAboveItAndToNoOther) {
  Listener listener(index_);
  put(make_entry("alias", kServerPath, "/fleet", {"a", "b"}));
  index_.agent_changed(kAgentId, {"unix:a", "unix:b"});
  index_.watched_by(&listener);
  using Ids = std::set<std::string>;
  const auto told_of = [&](const Entry& entry) {
    put(entry);
    return listener.take();
  };
  EXPECT_EQ(told_of(make_entry("child", kAgentPath, "/node")), (Ids{"child"}));
  EXPECT_EQ(told_of(make_entry("grandchild", "/node", "/web")), (Ids{"grandchild"}));
  EXPECT_EQ(told_of(make_entry("stranger", "/elsewhere", "/db")), Ids());
  EXPECT_EQ(told_of(make_entry("by-alias", "/fleet", "/x")), (Ids{"by-alias"}));
  EXPECT_EQ(told_of(make_entry("grandchild", "/elsewhere", "/web")), (Ids{"grandchild"})) << "gone";
  EXPECT_EQ(told_of(make_entry("grandchild", "/node", "/web")), (Ids{"grandchild"}));
  EXPECT_EQ(told_of(make_entry("child", kAgentPath, "/other")), (Ids{"", "child"}))
      << "with its own";
  EXPECT_EQ(told_of(make_entry("alias", kServerPath, "/fleet", {"a", "c"})), (Ids{"by-alias"}))
      << "what is below it";
  EXPECT_EQ(told_of(make_entry("by-alias", "/fleet", "/y")), Ids());
  index_.agent_changed(kAgentId, {"unix:a", "unix:c"});
  EXPECT_EQ(listener.take(), (Ids{""}));
  erase("by-alias");
  EXPECT_EQ(listener.take(), (Ids{"by-alias"}));
  erase("alias");
  EXPECT_EQ(listener.take(), Ids()) << "with nothing below it, it concerns nobody";
}

TEST_F(EntryIndexTest, MoreThanAHundredEntriesBelowAnAliasAreNotNamed) {
  Listener listener(index_);
  index_.agent_changed(kAgentId, {"unix:a"});
  for (int i = 0; i < 100; ++i)
    put(make_entry("below-" + std::to_string(i), i % 2 == 0 ? "/fleet" : "/fleet/0",
                   "/fleet/" + std::to_string(i)));
  index_.watched_by(&listener);
  put(make_entry("alias", kServerPath, "/fleet", {"a"}));
  EXPECT_EQ(listener.take().size(), 100u);
  put(make_entry("one-more", "/fleet/0", "/more"));
  EXPECT_EQ(listener.take(), std::set<std::string>{"one-more"});
  erase("alias");
  EXPECT_EQ(listener.take(), std::set<std::string>{""});
}

TEST_F(EntryIndexTest, RandomChangesAgreeWithTheDefinition) {
  Listener listener(index_);
  index_.watched_by(&listener);
  std::mt19937 random(20261122);
  const auto pick = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  const std::vector<std::string> paths = {kAgentPath, kServerPath, "/a", "/b", "/c", "/d", "/e"};
  const std::vector<std::string> values = {"1", "2", "3"};
  std::map<std::string, Entry> entries;
  std::set<std::string> selectors;
  for (int step = 0; step < 3000; ++step) {
    const std::set<std::string> before = authorized();
    const std::string id = "entry-" + std::to_string(pick(12));
    if (pick(4) == 0) {
      entries.erase(id);
      erase(id);
    } else {
      std::vector<std::string> wanted;
      for (const std::string& value : values) {
        if (pick(2) == 0) wanted.push_back(value);
      }
      if (wanted.empty()) wanted.push_back("1");
      entries[id] = make_entry(id, paths[static_cast<std::size_t>(pick(7))],
                               paths[2 + static_cast<std::size_t>(pick(5))], wanted);
      put(entries[id]);
    }
    if (pick(10) == 0) {
      selectors.clear();
      for (const std::string& value : values) {
        if (pick(2) == 0) selectors.insert("unix:" + value);
      }
      index_.agent_changed(kAgentId, {selectors.begin(), selectors.end()});
    }
    const std::set<std::string> expected = model_authorized(entries, selectors);
    ASSERT_EQ(authorized(), expected) << "step " << step;
    const std::set<std::string> told = listener.take();
    for (int n = 0; n < 12 && !told.contains(""); ++n) {
      const std::string one = "entry-" + std::to_string(n);
      const bool changed =
          before.contains(one) != expected.contains(one) || (one == id && expected.contains(one));
      ASSERT_TRUE(!changed || told.contains(one)) << one << " at step " << step;
    }
    for (const auto& [known, entry] : entries) {
      ASSERT_EQ(may(known), expected.contains(known)) << known << " at step " << step;
    }
  }
}

// What 200,000 entries of a Kubernetes cluster, under 1,000 agents, cost on the heap.
TEST_F(EntryIndexTest, AnEntryCostsLittleMemory) {
  constexpr std::size_t kEntries = 200'000;
  constexpr std::size_t kMostBytes = 500;  // per entry
  const auto in_use = [] {
    const struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
  };
  const std::size_t before = in_use();
  for (std::size_t i = 0; i < kEntries; ++i) {
    char id[37];
    std::snprintf(id, sizeof id, "%08zx-0000-4000-8000-000000000000", i);
    const std::string agent = std::to_string(i % 1000);
    Entry entry = make_entry(id, "/spire/agent/k8s_psat/production/node-" + agent,
                             "/ns/payments/sa/worker-" + std::to_string(i), {});
    for (const char* value : {"ns:payments", "sa:worker", "container-name:server"}) {
      auto* selector = entry.add_selectors();
      selector->set_type("k8s");
      selector->set_value(value);
    }
    entry.set_x509_svid_ttl(3600);
    entry.set_created_at(1'700'000'000);
    put(entry);
  }
  if (in_use() == before) GTEST_SKIP() << "this allocator does not count";
  const std::size_t each = (in_use() - before) / kEntries;
  RecordProperty("bytes_per_entry", static_cast<int>(each));
  std::printf("%zu bytes per entry\n", each);
  EXPECT_LE(each, kMostBytes);
}

}  // namespace
}  // namespace signet::server
