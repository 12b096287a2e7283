#include "explain_service.h"

#include <unistd.h>

#include <gtest/gtest.h>

#include "fake_server.h"
#include "server_trust.h"
#include "wire.h"

namespace signet::agent::test {
namespace {

namespace v1 = ::signet::explain::v1;
using Faults = std::vector<std::string>;

// An agent with an SVID and a few entries, and a server that answers what the test says.
class ExplainServiceTest : public ::testing::Test {
 protected:
  ExplainServiceTest() {
    server.about_caller.set_revision(7);
    standing.synced = true;
    standing.revision = 7;
    const auto key = crypto::PrivateKey::generate(crypto::KeyType::kEcP256).value();
    auto svid = std::make_shared<AgentSvid>();
    svid->chain.push_back(
        x509::Certificate::parse(ca.issue("spiffe://example.org/spire/agent/x/1",
                                          key.public_key().spki(), host.unix_seconds(),
                                          std::chrono::hours(1)))
            .value());
    identity.set(svid);
  }
  types::Entry& add(const std::string& id, const std::vector<std::string>& selectors) {
    types::Entry e = entry(id, "/" + id, selectors);
    EntryChanges changes;
    changes[id] = entry_from_wire(e).value();
    store.change_entries(changes);
    return server.add(std::move(e));
  }
  v1::KnownEntry& told(const types::Entry& e) {
    auto& known = *server.about_caller.add_entries();
    known.set_id(e.id());
    known.set_spiffe_id("spiffe://example.org" + e.spiffe_id().path());
    known.set_parent_id("spiffe://example.org/node");
    *known.mutable_selectors() = e.selectors();
    known.set_revision_number(e.revision_number());
    return known;
  }
  v1::Explanation explain(const std::vector<std::string>& selectors) {
    v1::ExplainWorkloadRequest request;
    for (const std::string& text : selectors) {
      const Selector s = Selector::parse(text).value();
      auto* wire = request.add_selectors();
      wire->set_type(s.type);
      wire->set_value(s.value);
    }
    if (server.about_caller.time_ns() == 0) server.about_caller.set_time_ns(host.host().wall_ns());
    const auto answer = service.explain(request);
    EXPECT_TRUE(answer.ok()) << answer.status().message();
    return answer ? *answer : v1::Explanation();
  }
  static Faults faults(const v1::Explanation& explanation) {
    Faults out;
    for (const auto& finding : explanation.findings())
      out.push_back(v1::Fault_Name(finding.fault()) + (finding.decides() ? "!" : ""));
    return out;
  }

  TestHost host;
  FakeServer server{host};
  Authority ca = Authority::make("example.org", host.unix_seconds());
  AgentIdentity identity{host.host()};
  IdentityStore store{host.host(), {}};
  AgentStanding standing;
  CallerAttestor attestor{host.host()};
  ExplainService service{
      host.host(), {"docker:env"}, attestor, identity, store, server, [this] {
        return standing; }};
};

TEST_F(ExplainServiceTest, AnEntryThatMatchesIsGiven) {
  add("web", {"unix:uid:1"});
  const auto explanation = explain({"unix:uid:1", "unix:gid:1"});
  EXPECT_TRUE(explanation.identity()) << explanation.DebugString();
  EXPECT_EQ(faults(explanation), Faults{});
  EXPECT_EQ(explanation.agent().id(), "spiffe://example.org/spire/agent/x/1");
  EXPECT_EQ(server.asked.selectors_size(), 2);
  EXPECT_EQ(server.asked.revision(), 7u);
}

TEST_F(ExplainServiceTest, ItsOwnEntriesNeedNoServer) {
  add("web", {"unix:uid:1", "unix:path:/a"});
  EXPECT_EQ(faults(explain({"unix:uid:1", "unix:path:/b"})), (Faults{"SELECTOR_MISSING!"}));
  EXPECT_EQ(faults(explain({"unix:uid:2", "unix:path:/a"})), (Faults{"WRONG_UID!"}));
  server.explains = false;
  const auto explanation = explain({"unix:uid:2", "unix:path:/a"});
  EXPECT_EQ(faults(explanation), (Faults{"WRONG_UID!"}));
  EXPECT_EQ(explanation.notes_size(), 1);
}

TEST_F(ExplainServiceTest, WhatTheServerAddsIsTakenIn) {
  types::Entry expired = entry("over", "/over", {"unix:uid:1"});
  told(expired).set_expired(true);
  EXPECT_EQ(faults(explain({"unix:uid:1"})), (Faults{"ENTRY_EXPIRED!"}));
  server.about_caller.clear_entries();
  told(entry("new", "/new", {"unix:uid:1"}));
  EXPECT_EQ(faults(explain({"unix:uid:1"})), (Faults{"NOT_SYNCED!"}));
  server.about_caller.clear_entries();
  server.about_caller.set_elsewhere(true);
  EXPECT_EQ(faults(explain({"unix:uid:1"})), (Faults{"WRONG_PARENT!"}));
}

TEST_F(ExplainServiceTest, AnotherVersionOfAnEntryIsNotSynced) {
  types::Entry changed = add("web", {"unix:uid:1"});
  told(changed);
  EXPECT_EQ(faults(explain({"unix:uid:1"})), Faults{});
  server.about_caller.mutable_entries(0)->set_revision_number(1);
  EXPECT_EQ(faults(explain({"unix:uid:1"})), (Faults{"NOT_SYNCED!"}));
}

TEST_F(ExplainServiceTest, NamesWhoLacksABundle) {
  types::Entry e = entry("web", "/web", {"unix:uid:1"});
  e.add_federates_with("peer.org");
  store.change_entries({{"web", entry_from_wire(e).value()}});
  auto explanation = explain({"unix:uid:1"});
  EXPECT_TRUE(explanation.identity());
  EXPECT_EQ(faults(explanation), (Faults{"BUNDLE_MISSING"}));
  EXPECT_NE(explanation.findings(0).text().find("the server does not have"), std::string::npos);
  server.federate("peer.org");
  explanation = explain({"unix:uid:1"});
  EXPECT_NE(explanation.findings(0).text().find("the agent does not have"), std::string::npos);
}

TEST_F(ExplainServiceTest, KnowsHowTheAgentStands) {
  add("web", {"unix:uid:1"});
  using Details = ::spire::api::types::PermissionDeniedDetails;
  server.failure = FakeServer::verdict(Details::AGENT_BANNED);
  EXPECT_EQ(faults(explain({"unix:uid:1"})), (Faults{"AGENT_BANNED!"}));
  server.failure = FakeServer::verdict(Details::AGENT_NOT_ATTESTED);
  EXPECT_EQ(faults(explain({"unix:uid:1"})), (Faults{"AGENT_NOT_ATTESTED!"}));
  server.failure = Status::unavailable("connection refused");
  EXPECT_EQ(faults(explain({"unix:uid:1"})), (Faults{"SERVER_AWAY"}));
  EXPECT_EQ(faults(explain({"unix:uid:2"})), (Faults{"SERVER_AWAY!", "WRONG_UID"}));
  standing.clock_off = std::chrono::hours(2);
  EXPECT_EQ(faults(explain({"unix:uid:1"})), (Faults{"CLOCK_SKEW"}));
  server.failure = {};
  standing = {};
  standing.banned = true;
  EXPECT_EQ(faults(explain({"unix:uid:1"})), (Faults{"AGENT_BANNED!"}));
}

TEST_F(ExplainServiceTest, ASecondQuestionFindsAnotherConnection) {
  add("web", {"unix:uid:1"});
  server.asks_lost = 1;
  EXPECT_EQ(faults(explain({"unix:uid:1"})), Faults{});
  EXPECT_EQ(server.asks, 2);
  server.asks_lost = 100;
  const auto explanation = explain({"unix:uid:1"});
  EXPECT_EQ(faults(explanation), (Faults{"SERVER_AWAY"}));
  EXPECT_EQ(server.asks, 4);
}

TEST_F(ExplainServiceTest, SaysSinceWhenTheServerIsSilent) {
  add("web", {"unix:uid:1"});
  server.asks_lost = 100;
  host.advance(std::chrono::seconds(100));
  standing.heard_ns = host.host().monotonic_ns() - 30'000'000'000;
  const auto explanation = explain({"unix:uid:1"});
  const std::string& text = explanation.findings(0).text();
  EXPECT_NE(text.find("no answer within 800 ms; it last did 30 s ago, and has told of changes up "
                      "to revision 7"),
            std::string::npos)
      << text;
}

TEST_F(ExplainServiceTest, AServerThatAnswersWithAnErrorIsNotAway) {
  add("web", {"unix:uid:1"});
  server.failure = Status::invalid_argument("too many selectors");
  const auto explanation = explain({"unix:uid:1"});
  EXPECT_EQ(faults(explanation), Faults{});
  ASSERT_EQ(explanation.notes_size(), 1);
  EXPECT_NE(explanation.notes(0).find("too many selectors"), std::string::npos);
}

TEST_F(ExplainServiceTest, RemembersTheClockOfAServerThatRefusesIt) {
  using Details = ::spire::api::types::PermissionDeniedDetails;
  add("web", {"unix:uid:1"});
  server.failure = FakeServer::verdict(Details::AGENT_BANNED);
  standing.clock = ServerClock::Reading{std::chrono::seconds(-60), std::chrono::seconds(5)};
  const auto explanation = explain({"unix:uid:1"});
  EXPECT_EQ(faults(explanation), (Faults{"AGENT_BANNED!", "CLOCK_SKEW"}));
  EXPECT_NE(explanation.findings(1).text().find("60 s behind the server's (compared 5 s ago)"),
            std::string::npos);
}

TEST_F(ExplainServiceTest, ManyEntriesThatMatchDoNotHideOneThatIsWell) {
  for (int i = 0; i < 50; ++i) add("e" + std::to_string(100 + i), {"unix:uid:1"});
  EXPECT_TRUE(explain({"unix:uid:1"}).identity());
  EXPECT_EQ(explain({"unix:uid:1"}).entries_size(), 10);
}

TEST_F(ExplainServiceTest, AnAgentWithoutSvidSaysWhy) {
  identity.set(nullptr);
  standing = {};
  standing.why = "no token";
  const auto explanation = explain({"unix:uid:1"});
  EXPECT_EQ(faults(explanation), (Faults{"AGENT_NOT_ATTESTED!"}));
  EXPECT_NE(explanation.findings(0).text().find("no token"), std::string::npos);
  EXPECT_EQ(server.asked.selectors_size(),
            0);  // it has nothing to show to the server
}

TEST_F(ExplainServiceTest, MeasuresTheClocks) {
  add("web", {"unix:uid:1"});
  server.about_caller.set_time_ns(host.host().wall_ns() + 60'000'000'000);
  const auto explanation = explain({"unix:uid:1"});
  EXPECT_EQ(faults(explanation), (Faults{"CLOCK_SKEW"}));
  EXPECT_NE(explanation.findings(0).text().find(" s behind"), std::string::npos);
}

TEST_F(ExplainServiceTest, ShowsNoSecrets) {
  add("web", {"unix:uid:1", "docker:env:KEY=hush-entry"});
  const auto explanation = explain({"unix:uid:1", "docker:env:KEY=hush-caller"});
  EXPECT_EQ(faults(explanation), (Faults{"SELECTOR_MISSING!"}));
  EXPECT_EQ(explanation.SerializeAsString().find("hush"), std::string::npos);
}

TEST_F(ExplainServiceTest, OneThingIsExplained) {
  v1::ExplainWorkloadRequest request;
  EXPECT_EQ(service.explain(request).status().code(), Code::kInvalidArgument);
  request.set_pid(-1);
  EXPECT_EQ(service.explain(request).status().code(), Code::kInvalidArgument);
  request.set_pid(getpid());
  request.add_selectors()->set_type("unix");
  EXPECT_EQ(service.explain(request).status().code(), Code::kInvalidArgument);
}

TEST_F(ExplainServiceTest, AProcessThatIsNotThereIsTheFault) {
  v1::ExplainWorkloadRequest request;
  request.set_pid(INT32_MAX);
  const auto explanation = service.explain(request);
  ASSERT_TRUE(explanation.ok());
  EXPECT_EQ(faults(*explanation), (Faults{"PROCESS_GONE!"}));
}

}  // namespace
}  // namespace signet::agent::test
