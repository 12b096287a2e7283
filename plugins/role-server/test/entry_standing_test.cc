// EntryIndex for explanations: what has expired, and whose an entry is.
#include <algorithm>
#include <set>

#include <gtest/gtest.h>

#include "signet/testing/fake_host.h"

#include "entry_helpers.h"
#include "entry_index.h"

namespace signet::server {
namespace {

using spire::api::types::Entry;
using Standing = EntryIndex::Standing;

class EntryStandingTest : public ::testing::Test {
 protected:
  static constexpr std::int64_t kNow = 1'700'000'000;
  fakes::FakeHost host_;
  EntryIndex index_{Host(host_.abi()), TrustDomain::parse("example.org").value()};
  std::uint64_t revision_ = 0;

  EntryStandingTest() { host_.set_wall_seconds(kNow); }
  void put(const Entry& entry) { index_.apply(entry, ++revision_); }
  static Entry expired(Entry entry) {
    entry.set_expires_at(kNow);
    return entry;
  }
  Standing standing(const std::string& id) {
    const IndexedPtr entry = index_.find(id);
    EXPECT_TRUE(entry) << id;
    return index_.standing(kAgentId, *entry);
  }
  /// "id" of each, "id!" of those that have expired.
  std::set<std::string> told(std::uint64_t revision) {
    std::set<std::string> out;
    for (const auto& own : index_.expired_or_later(kAgentId, revision))
      out.insert(std::string(own.entry->id()) + (own.expired ? "!" : ""));
    return out;
  }
};

TEST_F(EntryStandingTest, TellsOwnExpiredAndStrangeEntriesApart) {
  put(make_entry("child", kAgentPath, "/node"));
  put(make_entry("below", "/node", "/web"));
  put(expired(make_entry("over", "/node", "/old")));
  put(expired(make_entry("gate", kAgentPath, "/gate")));
  put(make_entry("behind", "/gate", "/shut"));
  put(make_entry("strange", "/elsewhere", "/db"));
  EXPECT_EQ(standing("below"), Standing::kBelow);
  EXPECT_EQ(standing("over"), Standing::kExpired);
  EXPECT_EQ(standing("behind"), Standing::kExpired);
  EXPECT_EQ(standing("strange"), Standing::kElsewhere);
}

TEST_F(EntryStandingTest, AnExpiredAliasIsAnExpiredWay) {
  index_.agent_changed(kAgentId, {"unix:uid:1"});
  put(expired(make_entry("alias", kServerPath, "/cluster")));
  put(make_entry("web", "/cluster", "/web"));
  EXPECT_EQ(standing("web"), Standing::kExpired);
  EXPECT_EQ(told(revision_), (std::set<std::string>{"web!"}));
}

TEST_F(EntryStandingTest, TellsWhatExpiredOrChangedLately) {
  put(make_entry("old", kAgentPath, "/a"));
  put(expired(make_entry("over", kAgentPath, "/b")));
  put(make_entry("strange", "/elsewhere", "/d"));
  const std::uint64_t before = revision_;
  put(make_entry("new", kAgentPath, "/c"));
  EXPECT_EQ(told(before), (std::set<std::string>{"new", "over!"}));
  EXPECT_EQ(told(revision_), (std::set<std::string>{"over!"}));
  EXPECT_EQ(told(0), (std::set<std::string>{"new", "old", "over!"}));
}

TEST_F(EntryStandingTest, WhatIsReachedByTwoWaysHasNotExpiredAsLongAsOneIsOpen) {
  put(make_entry("open", kAgentPath, "/way"));
  put(expired(make_entry("shut", kAgentPath, "/way")));
  put(make_entry("goal", "/way", "/goal"));
  EXPECT_EQ(standing("goal"), Standing::kBelow);
  EXPECT_EQ(told(revision_), (std::set<std::string>{"shut!"}));
}

TEST_F(EntryStandingTest, ACycleOfParentsEnds) {
  put(make_entry("child", kAgentPath, "/a"));
  put(make_entry("forth", "/a", "/b"));
  put(make_entry("back", "/b", "/a"));
  EXPECT_EQ(told(0), (std::set<std::string>{"back", "child", "forth"}));
  EXPECT_EQ(index_.above("back").ids.size(), 3u);
}

TEST_F(EntryStandingTest, NamesAgentsAndAliasesAbove) {
  put(make_entry("alias", kServerPath, "/cluster", {"uid:7", "gid:7"}));
  put(make_entry("middle", "/cluster", "/middle"));
  put(make_entry("web", "/middle", "/web"));
  const EntryIndex::Above above = index_.above("web");
  EXPECT_EQ(above.ids, (std::vector<std::string>{"spiffe://example.org/middle",
                                                 "spiffe://example.org/cluster"}));
  ASSERT_EQ(above.aliases.size(), 1u);
  EXPECT_EQ(above.aliases[0], (std::vector<std::string>{"unix:uid:7", "unix:gid:7"}));
  EXPECT_TRUE(index_.above("no such entry").ids.empty());
}

}  // namespace
}  // namespace signet::server
