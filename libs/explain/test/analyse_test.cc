#include "explain/analyse.h"

#include "seeds.h"

namespace signet::explain {
namespace {

using namespace test;

const v1::Finding& only(const v1::Explanation& explanation) {
  EXPECT_EQ(explanation.findings_size(), 1) << explanation.DebugString();
  return explanation.findings(0);
}

TEST(Analyse, NamesTheSelectorThatIsLackedAndWhatTheCallerHasInstead) {
  Facts facts = good();
  replace(meant(facts), "docker:label:app:shop", "docker:label:app:shpo");
  const auto explanation = analyse(facts, {});
  const v1::Finding& finding = only(explanation);
  EXPECT_EQ(finding.fault(), v1::SELECTOR_MISSING);
  EXPECT_EQ(finding.selectors(0), "docker:label:app:shpo");
  EXPECT_EQ(finding.entry_id(), "e1");
  EXPECT_NE(finding.text().find("docker:label:app:shop"), std::string::npos) << finding.text();
  EXPECT_EQ(explanation.entries(0).lacks(0), "docker:label:app:shpo");
  EXPECT_EQ(explanation.entries(0).has_size(), 2);
}

TEST(Analyse, AnotherUidIsFoundWhereNothingElseIsShared) {
  Facts facts = good();
  meant(facts).selectors = selectors({"unix:uid:1001"});
  const auto explanation = analyse(facts, {});
  const v1::Finding& finding = only(explanation);
  EXPECT_EQ(finding.fault(), v1::WRONG_UID);
  EXPECT_NE(finding.text().find("unix:uid:1000"), std::string::npos);
}

TEST(Analyse, AnotherUsersNameAndNumberAreOneFault) {
  Facts facts = good();
  facts.attestors->front().values.push_back("user:alice");
  attest(facts);
  meant(facts).selectors = selectors({"unix:uid:1001", "unix:user:bob", "unix:path:/usr/bin/shop"});
  const auto explanation = analyse(facts, {});
  EXPECT_EQ(only(explanation).fault(), v1::WRONG_UID);
  EXPECT_EQ(only(explanation).selectors_size(), 2);
}

TEST(Analyse, AnEntryThatMatchesMakesAnotherOnesFaultsNoFindings) {
  Facts facts = good();
  EntryFacts other = meant(facts);
  other.id = "e2";
  other.expired = true;
  other.selectors.push_back(selector("docker:env:KEY=hush"));  // nearer, were it not over
  normalise(other.selectors);
  facts.entries.insert(facts.entries.begin(), other);
  const auto explanation = analyse(facts, {});
  EXPECT_TRUE(explanation.identity());
  EXPECT_EQ(explanation.findings_size(), 0) << explanation.DebugString();
}

TEST(Analyse, AFailingAttestorIsNotInTheWayOfAnEntryThatNeedsItNot) {
  Facts facts = good();
  meant(facts).selectors = selectors({"unix:uid:1000"});
  facts.attestors->back().status = Status::unavailable("no daemon");
  facts.attestors->back().values.clear();
  attest(facts);
  const auto explanation = analyse(facts, {});
  EXPECT_TRUE(explanation.identity());
  EXPECT_EQ(only(explanation).fault(), v1::ATTESTOR_FAILED);
  EXPECT_FALSE(only(explanation).blocks());
}

TEST(Analyse, AnAttestorThatIsStillAtItHasNotFailed) {
  Facts facts = good();
  AttestorFacts& slow = facts.attestors->back();
  slow = {slow.name, std::chrono::milliseconds(450), Status::deadline_exceeded("x"), {}, false};
  attest(facts);
  const auto explanation = analyse(facts, {});
  EXPECT_FALSE(explanation.identity());
  const v1::Finding& finding = only(explanation);
  EXPECT_EQ(finding.fault(), v1::ATTESTOR_FAILED);
  EXPECT_EQ(finding.text(), "the attestor " + slow.name + " has not answered after 450 ms");
  EXPECT_NE(finding.remedy().find("-attestorTimeout"), std::string::npos) << finding.remedy();
}

TEST(Analyse, WhereAllAttestorsFailNothingIsSaidOfEntries) {
  Facts facts = good();
  for (AttestorFacts& attestor : *facts.attestors) {
    attestor.status = Status::unavailable("broken");
    attestor.values.clear();
  }
  attest(facts);
  const auto explanation = analyse(facts, {});
  EXPECT_EQ(faults(explanation), (std::multiset{v1::ATTESTOR_FAILED, v1::ATTESTOR_FAILED}));
  EXPECT_FALSE(explanation.identity());
}

TEST(Analyse, AnAttestorThatIsNotConfiguredIsNamed) {
  Facts facts = good();
  replace(meant(facts), "docker:label:app:shop", "k8s:ns:shop");
  EXPECT_EQ(only(analyse(facts, {})).fault(), v1::ATTESTOR_MISSING);
}

TEST(Analyse, AProcessThatIsGoneHasNoOtherFaults) {
  Facts facts = good();
  facts.process_gone = true;
  facts.attestors.reset();
  facts.selectors.reset();
  facts.entries.clear();
  EXPECT_EQ(only(analyse(facts, {})).fault(), v1::PROCESS_GONE);
}

TEST(Analyse, ACallerWithNothingInCommonHasNoEntry) {
  Facts facts = good();
  for (EntryFacts& entry : facts.entries) entry.selectors = selectors({"k8s:ns:shop"});
  const auto explanation = analyse(facts, {});
  EXPECT_EQ(only(explanation).fault(), v1::NO_ENTRY);
  EXPECT_EQ(explanation.entries_size(), 0);
}

TEST(Analyse, EntriesOfOtherWorkloadsOfTheSameKindAreNone) {
  Facts facts = good();
  for (EntryFacts& entry : facts.entries)
    entry.selectors = selectors({"docker:label:app:other", "unix:path:/usr/bin/other"});
  auto explanation = analyse(facts, {});
  EXPECT_EQ(only(explanation).fault(), v1::NO_ENTRY);
  EXPECT_EQ(explanation.entries_size(), 2);  // to be seen, though
  // Beside one that shares something they are not worth it.
  meant(facts).selectors = selectors({"docker:label:app:other", "unix:uid:1000"});
  explanation = analyse(facts, {});
  EXPECT_EQ(only(explanation).fault(), v1::SELECTOR_MISSING);
  EXPECT_EQ(explanation.entries_size(), 1);
}

TEST(Analyse, AMatchBelowAnotherParentIsToldWithoutItsName) {
  Facts facts = good();
  facts.entries.erase(facts.entries.begin());
  facts.elsewhere = true;
  const auto explanation = analyse(facts, {"docker:env"});
  EXPECT_EQ(only(explanation).fault(), v1::WRONG_PARENT);
  EXPECT_TRUE(only(explanation).entry_id().empty());
  const std::string& remedy = only(explanation).remedy();
  EXPECT_NE(remedy.find("signet server explain -agentID " + facts.agent.id), std::string::npos);
  EXPECT_NE(remedy.find("-selector unix:uid:1000"), std::string::npos);
  EXPECT_EQ(remedy.find("hush"), std::string::npos);
}

TEST(Analyse, AForeignServerHidesOnlyWhatItWouldTell) {
  Facts facts = good();
  facts.server = {};
  facts.server.answer = ServerFacts::Answer::kForeign;
  EXPECT_TRUE(analyse(facts, {}).identity());
  replace(meant(facts), "unix:uid:1000", "unix:uid:1001");
  EXPECT_EQ(only(analyse(facts, {})).fault(), v1::WRONG_UID);
}

TEST(Analyse, AClockThatMakesSvidsLookExpiredDecides) {
  Facts facts = good();
  facts.agent.time_ns += 7200LL * 1'000'000'000;
  meant(facts).svid_expired = true;
  const auto explanation = analyse(facts, {});
  EXPECT_EQ(only(explanation).fault(), v1::CLOCK_SKEW);
  EXPECT_TRUE(only(explanation).decides());
  EXPECT_NE(only(explanation).text().find("7200 s ahead"), std::string::npos);
}

TEST(Analyse, AnSvidThatWasNotRenewedIsAFaultOfItsOwn) {
  Facts facts = good();
  meant(facts).svid_expired = true;
  EXPECT_EQ(only(analyse(facts, {})).fault(), v1::SVID_EXPIRED);
}

TEST(Analyse, AClockThatKeepsTheAgentFromItsServerIsTheOnlyFault) {
  Facts facts = good();
  facts.agent.state = AgentFacts::State::kNotAttested;
  facts.agent.clock_off = std::chrono::hours(-1);
  facts.server = {};
  facts.server.answer = ServerFacts::Answer::kNotAsked;
  facts.entries.clear();
  EXPECT_EQ(only(analyse(facts, {})).fault(), v1::CLOCK_SKEW);
  EXPECT_TRUE(only(analyse(facts, {})).decides());
  EXPECT_NE(only(analyse(facts, {})).text().find("3600 s behind"), std::string::npos);
  facts.agent.state = AgentFacts::State::kAttested;
  facts.server.answer = ServerFacts::Answer::kAway;
  EXPECT_EQ(only(analyse(facts, {})).fault(), v1::CLOCK_SKEW);
  facts.entries = good().entries;  // what it has, it serves
  EXPECT_TRUE(analyse(facts, {}).identity());
  EXPECT_FALSE(only(analyse(facts, {})).blocks());
}

TEST(Analyse, ASmallSkewIsNone) {
  for (const std::int64_t seconds : {-10, 10}) {
    Facts facts = good();
    facts.agent.time_ns += seconds * 1'000'000'000;
    EXPECT_EQ(analyse(facts, {}).findings_size(), 0);
  }
}

TEST(Analyse, AClockThatIsNotKnownIsNotWrong) {
  Facts facts = good();
  facts.server.time_ns = 0;
  EXPECT_EQ(analyse(facts, {}).findings_size(), 0);
}

TEST(Analyse, ABundleThatTheAgentAwaitsIsNotTheServersFault) {
  Facts facts = good();
  facts.missing_at_agent.insert("peer.org");
  const auto explanation = analyse(facts, {});
  EXPECT_NE(only(explanation).text().find("the agent does not have"), std::string::npos);
}

TEST(Analyse, ABundleOfAnEntryThatIsNotMeantDoesNotMatter) {
  Facts facts = good();
  facts.entries.back().federates_with = {"far.org"};
  facts.missing_at_server.insert("far.org");
  EXPECT_EQ(analyse(facts, {}).findings_size(), 0);
}

TEST(Analyse, NodeAliasesAndStoreEntriesAreNotHandedOut) {
  Facts facts = good();
  facts.named = true;
  meant(facts).place = EntryFacts::Place::kServer;
  EXPECT_EQ(only(analyse(facts, {})).fault(), v1::WRONG_PARENT);
  facts = good();
  meant(facts).stored = true;
  EXPECT_EQ(only(analyse(facts, {})).fault(), v1::NO_ENTRY);
}

TEST(Analyse, AServerThatDoesNotKnowTheCallerMissesNoSelector) {
  Facts facts = good();
  facts.named = true;
  facts.attestors.reset();
  facts.selectors.reset();
  facts.entries.pop_back();
  facts.agent = {};
  meant(facts).at_agent.reset();
  EXPECT_TRUE(analyse(facts, {}).identity());
  meant(facts).place = EntryFacts::Place::kNobody;
  const auto explanation = analyse(facts, {});
  EXPECT_EQ(only(explanation).fault(), v1::WRONG_PARENT);
  EXPECT_NE(only(explanation).text().find("spiffe://example.org/node"), std::string::npos);
}

TEST(Analyse, AMisspeltEntryOfOursIsNearerThanAnothersThatMatches) {
  Facts facts = good();
  facts.elsewhere = true;  // as any node with the same workload makes it
  replace(meant(facts), "unix:path:/usr/bin/shop", "unix:path:/usr/bin/shpo");
  const auto explanation = analyse(facts, {});
  EXPECT_EQ(only(explanation).fault(), v1::SELECTOR_MISSING);
  ASSERT_EQ(explanation.notes_size(), 1);
  EXPECT_NE(explanation.notes(0).find("signet server explain -agentID"), std::string::npos);
  replace(meant(facts), "unix:path:/usr/bin/shpo", "unix:path:/opt/till");
  EXPECT_EQ(only(analyse(facts, {})).fault(), v1::WRONG_PARENT);
}

TEST(Analyse, AnEntryOfOursThatAFailedAttestorMayMatchIsNearerThanAnothers) {
  Facts facts = good();
  facts.elsewhere = true;
  facts.attestors->back().status = Status::unavailable("no daemon");
  facts.attestors->back().values.clear();
  attest(facts);
  EXPECT_EQ(only(analyse(facts, {})).fault(), v1::ATTESTOR_FAILED);
  EXPECT_TRUE(only(analyse(facts, {})).decides());
}

TEST(Analyse, WhereAnAttestorFailedThereMayBeAnEntry) {
  Facts facts = good();
  facts.entries.clear();
  facts.attestors->back().status = Status::unavailable("no daemon");
  facts.attestors->back().values.clear();
  attest(facts);
  EXPECT_EQ(only(analyse(facts, {})).fault(), v1::ATTESTOR_FAILED);
  EXPECT_TRUE(only(analyse(facts, {})).decides());
}

TEST(Analyse, EachEntryIsJudgedByTheAgentThatHandsItOut) {
  Facts facts = good();
  facts.named = true;
  facts.agent = {};
  facts.entries.pop_back();
  facts.entries.push_back(meant(facts));
  facts.entries.back().id = "e2";
  facts.entries.front().agent.emplace().state = AgentFacts::State::kBanned;
  facts.entries.front().agent->id = "spiffe://example.org/spire/agent/x/banned";
  facts.entries.back().agent.emplace().state = AgentFacts::State::kAttested;
  auto explanation = analyse(facts, {});
  EXPECT_TRUE(explanation.identity()) << explanation.DebugString();
  EXPECT_EQ(explanation.entries(0).id(), "e2");
  // The entry that comes nearest decides whose agent is looked at.
  replace(facts.entries.back(), "unix:uid:1000", "unix:uid:1001");
  explanation = analyse(facts, {});
  EXPECT_EQ(only(explanation).fault(), v1::AGENT_BANNED);
  EXPECT_EQ(explanation.agent().id(), "spiffe://example.org/spire/agent/x/banned");
}

TEST(Analyse, TellsSinceWhenAServerIsAwayAndHowFarTheAgentIs) {
  Facts facts = good();
  facts.entries.clear();
  facts.server.answer = ServerFacts::Answer::kAway;
  facts.server.why = "no answer";
  facts.server.heard = std::chrono::seconds(75);
  const auto explanation = analyse(facts, {});
  EXPECT_EQ(only(explanation).fault(), v1::SERVER_AWAY);
  EXPECT_NE(only(explanation)
                .text()
                .find("it last did 75 s ago, and has told of changes up to "
                      "revision 42"),
            std::string::npos)
      << only(explanation).text();
  EXPECT_NE(only(explanation).remedy().find("signet server explain"), std::string::npos);
}

TEST(Analyse, TellsHowFarAnAgentIsThatLacksAnEntry) {
  Facts facts = good();
  meant(facts).at_agent = false;
  facts.agent.revision = 41;
  facts.agent.silent = std::chrono::seconds(12);
  EXPECT_NE(only(analyse(facts, {}))
                .text()
                .find("was told up to revision 41, the server is at 42; it has not answered for 12 "
                      "s"),
            std::string::npos);
  facts.agent.revision = 0;
  facts.agent.silent = {};
  EXPECT_NE(only(analyse(facts, {})).text().find("asks now and then, the server is at 42"),
            std::string::npos);
}

TEST(Analyse, AComparisonOfClocksThatIsOldSaysSo) {
  Facts facts = good();
  facts.agent.state = AgentFacts::State::kBanned;
  facts.server.answer = ServerFacts::Answer::kNotAsked;
  facts.agent.time_ns += 40'000'000'000;
  facts.server.time_age = std::chrono::seconds(90);
  const auto explanation = analyse(facts, {});
  EXPECT_EQ(faults(explanation), (std::multiset{v1::AGENT_BANNED, v1::CLOCK_SKEW}));
  EXPECT_NE(explanation.findings(1).text().find("(compared 90 s ago)"), std::string::npos);
}

TEST(Analyse, AnAgentThatHasNotSyncedYetSaysWhy) {
  Facts facts = good();
  facts.entries.clear();
  facts.agent.synced = false;
  facts.agent.why = "the server is busy";
  const auto explanation = analyse(facts, {});
  EXPECT_EQ(only(explanation).fault(), v1::NOT_SYNCED);
  EXPECT_NE(only(explanation).text().find("the server is busy"), std::string::npos);
}

TEST(Analyse, WithoutTheServersWordThereMayBeAnEntry) {
  Facts facts = good();
  facts.entries.clear();
  facts.server.answer = ServerFacts::Answer::kNotAsked;
  const auto explanation = analyse(facts, {});
  EXPECT_FALSE(explanation.identity());
  EXPECT_EQ(explanation.findings_size(), 0) << explanation.DebugString();
}

TEST(Analyse, ManyAndLongSelectorsAreCut) {
  Facts facts = good();
  for (int i = 0; i < 1500; ++i) {
    facts.attestors->back().values.push_back("label:" + std::to_string(i) + ":" +
                                             std::string(4000, 'x'));
  }
  attest(facts);
  meant(facts).place = EntryFacts::Place::kElsewhere;
  const auto explanation = analyse(facts, {});
  EXPECT_LT(explanation.ByteSizeLong(), 3'000'000u);
  EXPECT_EQ(explanation.notes_size(), 2);  // for the attestor, and for all
}

TEST(Analyse, SecretsInSelectorsAreNowhere) {
  const Redacted kinds = {"docker:env"};
  for (const Seed& seed : seeds()) {
    Facts facts = good();
    meant(facts).selectors.push_back(selector("docker:env:KEY=hushhush"));
    seed.plant(facts);
    normalise(meant(facts).selectors);
    const auto explanation = analyse(facts, kinds);
    EXPECT_EQ(explanation.SerializeAsString().find("hush"), std::string::npos)
        << explanation.DebugString();
  }
}

TEST(Analyse, NoMoreThanTenEntriesAreTold) {
  Facts facts = good();
  for (int i = 0; i < 30; ++i) {
    EntryFacts entry = meant(facts);
    entry.id = "f" + std::to_string(i);
    entry.selectors.push_back(selector("unix:gid:" + std::to_string(i)));
    normalise(entry.selectors);
    facts.entries.push_back(entry);
  }
  const auto explanation = analyse(facts, {});
  EXPECT_EQ(explanation.entries_size(), 10);
  EXPECT_EQ(explanation.entries(0).id(), "e1");
}

}  // namespace
}  // namespace signet::explain
