#include "explain_facts.h"

#include <gtest/gtest.h>

#include "agent_feeds.h"
#include "agent_records.h"
#include "entry_helpers.h"
#include "entry_store.h"
#include "explain/analyse.h"
#include "server_fakes.h"
#include "trust_bundles.h"

namespace signet::server {
namespace {

using explain::v1::AskAboutCallerRequest;
using explain::v1::ExplainEntryRequest;
using explain::v1::Explanation;
using spire::api::types::Entry;
namespace v1 = explain::v1;

constexpr char kOtherId[] = "spiffe://example.org/spire/agent/join_token/b";
constexpr char kOtherPath[] = "/spire/agent/join_token/b";

// A server with two agents; entries are committed as the API commits them.
class ExplainFactsTest : public ::testing::Test {
 protected:
  ExplainFactsTest() {
    index_.reset(new EntryIndex(host_.host(), config_.trust_domain));
    agents_ = std::make_unique<AgentRecords>(host_.host(), store_, changes_, *index_);
    changes_.subscribe(index_.get());
    changes_.subscribe(agents_.get());
    changes_.subscribe(&bundles_);
    EXPECT_TRUE(changes_.start().ok());
    attest(kAgentId);
    attest(kOtherId);
    entries_ = std::make_unique<EntryStore>(host_.host(), store_, changes_, *index_);
    context_.host = host_.host();
    context_.config = &config_;
    context_.datastore = &store_;
    context_.changes = &changes_;
    context_.bundles = &bundles_;
    context_.agents = agents_.get();
    context_.entries = index_.get();
    context_.entry_store = entries_.get();
    feeds_ = std::make_unique<AgentFeeds>(host_.host(), *index_, changes_);
    context_.feeds = feeds_.get();
  }
  void attest(const std::string& id, std::vector<Selector> selectors = {}) {
    EXPECT_TRUE(agents_
                    ->attested({.id = *SpiffeId::parse(id),
                                .attestation_type = "join_token",
                                .serial = "1",
                                .expires_at = host_.now() + 3600,
                                .can_reattest = false,
                                .selectors = std::move(selectors)})
                    .ok());
  }
  void put(Entry entry) {
    const std::vector<Result<Entry>> one = {std::move(entry)};
    const auto stored = entries_->create(one);
    ASSERT_TRUE(stored[0].ok()) << stored[0].status().message();
  }
  Explanation explain(const ExplainEntryRequest& request) {
    const auto facts = ExplainFacts(context_).gather(request);
    EXPECT_TRUE(facts.ok()) << facts.status().message();
    return facts ? explain::analyse(*facts, {}) : Explanation();
  }
  Explanation explain_entry(const std::string& id, const std::string& agent = "",
                            const std::vector<std::string>& selectors = {}) {
    ExplainEntryRequest request;
    request.set_entry_id(id);
    request.set_agent_id(agent);
    add(selectors, request);
    return explain(request);
  }
  template <typename Request>
  static void add(const std::vector<std::string>& selectors, Request& request) {
    for (const std::string& text : selectors) {
      const Selector selector = Selector::parse(text).value();
      auto* wire = request.add_selectors();
      wire->set_type(selector.type);
      wire->set_value(selector.value);
    }
  }
  v1::AskAboutCallerResponse ask(const std::vector<std::string>& selectors,
                                 std::uint64_t revision) {
    AskAboutCallerRequest request;
    add(selectors, request);
    request.set_revision(revision);
    const auto answer = ExplainFacts(context_).answer(kAgentId, request);
    EXPECT_TRUE(answer.ok()) << answer.status().message();
    return answer ? *answer : v1::AskAboutCallerResponse();
  }
  static std::vector<std::string> faults(const Explanation& explanation) {
    std::vector<std::string> out;
    for (const auto& finding : explanation.findings())
      out.push_back(v1::Fault_Name(finding.fault()) + (finding.decides() ? "!" : ""));
    return out;
  }
  using Faults = std::vector<std::string>;

  testing::QuietHost host_;
  Datastore store_ = *Datastore::acquire(host_.host());
  ServerConfig config_{*TrustDomain::parse("example.org")};
  ChangeFollower changes_{host_.host(), store_};
  std::unique_ptr<EntryIndex> index_;
  TrustBundles bundles_{host_.host(), store_, changes_, config_.trust_domain};
  std::unique_ptr<AgentRecords> agents_;
  std::unique_ptr<EntryStore> entries_;
  std::unique_ptr<AgentFeeds> feeds_;
  ServiceContext context_;
};

TEST_F(ExplainFactsTest, AnEntryOfALivingAgentHasNoFault) {
  put(make_entry("e", kAgentPath, "/web"));
  const Explanation explanation = explain_entry("e");
  EXPECT_TRUE(explanation.identity()) << explanation.DebugString();
  EXPECT_EQ(explanation.agent().id(), kAgentId);
  EXPECT_EQ(explanation.findings_size(), 0);
  EXPECT_TRUE(explain_entry("e", kAgentId, {"unix:uid:1", "unix:gid:2"}).identity());
}

TEST_F(ExplainFactsTest, NamesWhatAnEntryLacks) {
  put(make_entry("typo", kAgentPath, "/web", {"uid:1", "path:/a"}));
  put(make_entry("over", kAgentPath, "/old"));
  EXPECT_EQ(faults(explain_entry("typo", kAgentId, {"unix:uid:1", "unix:path:/b"})),
            (Faults{"SELECTOR_MISSING!"}));
  EXPECT_EQ(faults(explain_entry("typo", kAgentId, {"unix:uid:2", "unix:path:/a"})),
            (Faults{"WRONG_UID!"}));
  EXPECT_EQ(faults(explain_entry("typo", kOtherId, {"unix:uid:2", "unix:path:/a"})),
            (Faults{"WRONG_PARENT!", "WRONG_UID"}));
  EXPECT_EQ(faults(explain_entry("no such entry")), (Faults{"NO_ENTRY!"}));
}

TEST_F(ExplainFactsTest, NamesWhatIsWrongWithTheAgent) {
  put(make_entry("e", kAgentPath, "/web"));
  ASSERT_TRUE(agents_->ban(kAgentId).ok());
  EXPECT_EQ(faults(explain_entry("e")), (Faults{"AGENT_BANNED!"}));
  EXPECT_EQ(faults(explain_entry("e", kAgentId)), (Faults{"AGENT_BANNED!"}));
  ASSERT_TRUE(agents_->remove(kAgentId).ok());
  EXPECT_EQ(faults(explain_entry("e")), (Faults{"AGENT_NOT_ATTESTED!"}));
  EXPECT_EQ(faults(explain_entry("e", kAgentId)), (Faults{"AGENT_NOT_ATTESTED!"}));
  attest(kAgentId);
  EXPECT_EQ(faults(explain_entry("e")), (Faults{}));
  host_.advance(3601);
  EXPECT_EQ(faults(explain_entry("e")), (Faults{"AGENT_NOT_ATTESTED!"}));
}

TEST_F(ExplainFactsTest, AnAgentThatNeverCameIsNamedBehindItsAliasToo) {
  const std::string path = "/spire/agent/join_token/unused";
  put(make_entry("alias", path, "/node", {"uid:1"}));
  put(make_entry("e", "/node", "/web"));
  const Explanation explanation = explain_entry("e");
  EXPECT_EQ(faults(explanation), (Faults{"AGENT_NOT_ATTESTED!"}));
  EXPECT_EQ(explanation.agent().id(), "spiffe://example.org" + path);
}

TEST_F(ExplainFactsTest, NamesAParentThatNobodyIs) {
  put(make_entry("e", "/nowhere", "/web"));
  EXPECT_EQ(faults(explain_entry("e")), (Faults{"WRONG_PARENT!"}));
  EXPECT_EQ(faults(explain_entry("e", kAgentId)), (Faults{"WRONG_PARENT!"}));
  put(make_entry("alias", kServerPath, "/cluster", {"uid:7"}));
  EXPECT_EQ(faults(explain_entry("alias")), (Faults{"WRONG_PARENT!"}));
}

TEST_F(ExplainFactsTest, AnAliasLeadsToTheAgentsThatAnswerToIt) {
  put(make_entry("alias", kServerPath, "/cluster", {"uid:7"}));
  put(make_entry("e", "/cluster", "/web"));
  EXPECT_EQ(faults(explain_entry("e")), (Faults{"WRONG_PARENT!"}));
  attest("spiffe://example.org/spire/agent/x509pop/c", {{"unix", "uid:7"}});
  const Explanation explanation = explain_entry("e");
  EXPECT_TRUE(explanation.identity()) << explanation.DebugString();
  EXPECT_EQ(explanation.agent().id(), "spiffe://example.org/spire/agent/x509pop/c");
}

TEST_F(ExplainFactsTest, NamesBundlesAndExpiry) {
  Entry entry = make_entry("e", kAgentPath, "/web");
  entry.set_expires_at(host_.now() + 5);
  put(entry);
  EXPECT_EQ(faults(explain_entry("e")), (Faults{}));
  host_.advance(5);
  EXPECT_EQ(faults(explain_entry("e")), (Faults{"ENTRY_EXPIRED!"}));
  EXPECT_EQ(faults(explain_entry("e", kAgentId)), (Faults{"ENTRY_EXPIRED!"}));
}

TEST_F(ExplainFactsTest, FindsTheNearestEntriesOfAll) {
  for (int i = 0; i < 40; ++i) {
    put(make_entry("far" + std::to_string(i), kOtherPath, "/far" + std::to_string(i),
                   {"uid:1", "path:/" + std::to_string(i)}));
  }
  put(make_entry("near", kAgentPath, "/near", {"uid:1", "path:/bin/app"}));
  ExplainEntryRequest request;
  request.set_agent_id(kAgentId);
  add({"unix:uid:1", "unix:gid:1", "unix:path:/bin/app"}, request);
  const Explanation explanation = explain(request);
  EXPECT_TRUE(explanation.identity()) << explanation.DebugString();
  EXPECT_EQ(explanation.entries(0).id(), "near");
  EXPECT_EQ(explanation.entries_size(), 10);
}

TEST_F(ExplainFactsTest, FindsAllOfASpiffeId) {
  put(make_entry("a", kAgentPath, "/web", {"uid:1"}));
  put(make_entry("b", kOtherPath, "/web", {"uid:2"}));
  ExplainEntryRequest request;
  request.set_spiffe_id("spiffe://example.org/web");
  EXPECT_EQ(explain(request).entries_size(), 2);
  request.set_agent_id(kOtherId);
  add({"unix:uid:1"}, request);
  EXPECT_FALSE(explain(request).identity());
}

TEST_F(ExplainFactsTest, AnEntryOfABannedAgentIsNotGivenBecauseAnotherAgentIsWell) {
  put(make_entry("a", kAgentPath, "/web", {"uid:1"}));
  put(make_entry("b", kOtherPath, "/web", {"uid:2"}));
  ASSERT_TRUE(agents_->ban(kAgentId).ok());
  ExplainEntryRequest request;
  request.set_spiffe_id("spiffe://example.org/web");
  EXPECT_TRUE(explain(request).identity()) << "at the other one";
  add({"unix:uid:1"}, request);
  EXPECT_EQ(faults(explain(request)), (Faults{"AGENT_BANNED!"}));
  EXPECT_EQ(explain(request).agent().id(), kAgentId);
}

TEST_F(ExplainFactsTest, FindsAMisspeltSelectorThatNobodyHas) {
  put(make_entry("typo", kAgentPath, "/web", {"path:/usr/bin/shpo"}));
  ExplainEntryRequest request;
  add({"unix:path:/usr/bin/shop"}, request);
  EXPECT_EQ(faults(explain(request)), (Faults{"SELECTOR_MISSING!"}));
}

TEST_F(ExplainFactsTest, KnowsWhatAnAgentThatIsBehindLacks) {
  put(make_entry("old", kAgentPath, "/old"));
  put(make_entry("below", "/late", "/below"));
  put(make_entry("other", kOtherPath, "/other"));
  const std::uint64_t told = changes_.reached();
  const auto is_news = [&](const char* id) {
    return index_->is_news(kAgentId, *index_->find(id), told);
  };
  EXPECT_FALSE(is_news("old"));
  put(make_entry("new", kAgentPath, "/new", {"uid:7"}));
  put(make_entry("late", kAgentPath, "/late"));
  EXPECT_FALSE(is_news("old"));
  EXPECT_TRUE(is_news("new"));
  EXPECT_TRUE(is_news("below")) << "it is the agent's since then";
  put(make_entry("served", "/fleet", "/served", {"uid:8"}));
  index_->agent_changed(kAgentId, {"unix:a"});
  put(make_entry("alias", kServerPath, "/fleet", {"a"}));
  const std::uint64_t later = changes_.reached();
  EXPECT_TRUE(index_->is_news(kAgentId, *index_->find("served"), later - 1));
  EXPECT_FALSE(index_->is_news(kAgentId, *index_->find("served"), later));
}

TEST_F(ExplainFactsTest, RefusesWhatItCannotAnswer) {
  ExplainEntryRequest request;
  EXPECT_EQ(ExplainFacts(context_).gather(request).status().code(), Code::kInvalidArgument);
  request.set_entry_id("e");
  request.set_agent_id("spiffe://example.org/web");
  EXPECT_EQ(ExplainFacts(context_).gather(request).status().code(), Code::kInvalidArgument);
  AskAboutCallerRequest many;
  for (int i = 0; i < 2000; ++i) add({"unix:gid:" + std::to_string(i)}, many);
  EXPECT_EQ(ExplainFacts(context_).answer(kAgentId, many).status().code(), Code::kInvalidArgument);
}

// ---- what an agent is told

TEST_F(ExplainFactsTest, AnAgentIsToldOfItsOwnEntriesAndNotOfOthers) {
  put(make_entry("own", kAgentPath, "/web", {"uid:1", "path:/secret/a"}));
  const std::uint64_t before = changes_.reached();
  put(make_entry("new", kAgentPath, "/new", {"uid:1", "path:/secret/b"}));
  put(make_entry("other", kOtherPath, "/db", {"uid:1", "path:/secret/c"}));
  auto answer = ask({"unix:uid:1"}, before);
  ASSERT_EQ(answer.entries_size(), 1) << answer.DebugString();
  EXPECT_EQ(answer.entries(0).id(), "new");
  EXPECT_FALSE(answer.elsewhere());
  EXPECT_EQ(answer.revision(), changes_.reached());
  EXPECT_EQ(answer.time_ns(), host_.now() * 1'000'000'000);
  EXPECT_EQ(answer.SerializeAsString().find("secret/c"), std::string::npos);

  // All its selectors are the caller's: that, and no more.
  answer = ask({"unix:uid:1", "unix:path:/secret/c"}, before);
  EXPECT_TRUE(answer.elsewhere());
  EXPECT_EQ(answer.SerializeAsString().find("db"), std::string::npos);
}

TEST_F(ExplainFactsTest, AnAgentIsToldOfWhatANewParentBrings) {
  put(make_entry("below", "/late", "/below", {"uid:1"}));
  put(make_entry("served", "/fleet", "/served", {"uid:2"}));
  index_->agent_changed(kAgentId, {"unix:a"});
  const std::uint64_t before = changes_.reached();
  EXPECT_EQ(ask({"unix:uid:1"}, before).entries_size(), 0);
  put(make_entry("late", kAgentPath, "/late", {"uid:9"}));
  put(make_entry("alias", kServerPath, "/fleet", {"a"}));
  auto answer = ask({"unix:uid:1"}, before);
  ASSERT_GE(answer.entries_size(), 1);
  EXPECT_EQ(answer.entries(0).id(), "below");
  answer = ask({"unix:uid:2"}, before);
  ASSERT_GE(answer.entries_size(), 1);
  EXPECT_EQ(answer.entries(0).id(), "served");
}

TEST_F(ExplainFactsTest, AnAgentIsToldWhatExpired) {
  Entry entry = make_entry("own", kAgentPath, "/web", {"uid:1"});
  entry.set_expires_at(host_.now() + 5);
  put(entry);
  entry = make_entry("other", kOtherPath, "/db", {"uid:1"});
  entry.set_expires_at(host_.now() + 5);
  put(entry);
  host_.advance(5);
  const auto answer = ask({"unix:uid:1"}, changes_.reached());
  ASSERT_EQ(answer.entries_size(), 1);
  EXPECT_TRUE(answer.entries(0).expired());
  EXPECT_FALSE(answer.elsewhere());
}

TEST_F(ExplainFactsTest, AnAgentIsToldOfTenAtMostTheNearest) {
  for (int i = 0; i < 50; ++i) {
    put(make_entry("far" + std::to_string(i), kAgentPath, "/far" + std::to_string(i),
                   {"uid:1", "path:/" + std::to_string(i), "gid:77"}));
  }
  put(make_entry("near", kAgentPath, "/near", {"uid:1"}));
  const auto answer = ask({"unix:uid:1"}, 0);
  EXPECT_EQ(answer.entries_size(), 10);
  EXPECT_EQ(answer.entries(0).id(), "near");
}

TEST_F(ExplainFactsTest, ADatastoreThatIsAwayLeavesOnlyThatOpen) {
  put(make_entry("own", kAgentPath, "/web", {"uid:1"}));
  host_.store().away = true;
  const auto answer = ask({"unix:uid:1"}, 0);
  EXPECT_TRUE(answer.elsewhere_unknown());
  EXPECT_EQ(answer.entries_size(), 1);
}

}  // namespace
}  // namespace signet::server
