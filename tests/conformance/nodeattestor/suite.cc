// What signet/abi/node_attestor.h promises, asked of a shared object with both sides, or of two:
// an agent's side and a server's that belong together attest, and nothing else does.
//
//   nodeattestor-conformance --plugin FILE.so --config JSON --agent-config JSON
//                            [--agent-plugin FILE.so] [--trust-domain NAME] [--single-use yes]
//                            [--others JSON] [--record KIND/ID]
//
// --config is the server's side. --single-use: what the agent shows works once. --others: plugins
// that the server's side needs besides; --record: one of their datastore, good for 10 minutes.
#include <atomic>
#include <set>
#include <thread>

#include <gtest/gtest.h>

#include "signet/attestor.h"
#include "signet/datastore.h"
#include "signet/spiffe_id.h"

#include "crypto/bytes.h"
#include "crypto/random.h"
#include "suite_main.h"

namespace signet::conformance {
namespace {

constexpr std::string_view kClient = "192.0.2.7:4711";
constexpr int kMostRounds = 16;

PluginUnderTest& server() {
  static PluginUnderTest plugin{.type = "NodeAttestorServer"};
  return plugin;
}
PluginUnderTest& agent() {
  static PluginUnderTest plugin{.type = "NodeAttestorAgent"};
  return plugin;
}
std::string& single_use() {
  static std::string yes;
  return yes;
}
std::string& record() {
  static std::string kind_and_id;
  return kind_and_id;
}
ScopeUnderTest& server_scope() { return scope_of_program(server()); }
ScopeUnderTest& agent_scope() {
  static auto* const scope = new ScopeUnderTest(agent());  // never deleted, as the server's
  [[maybe_unused]] static const int registered = std::atexit([] { scope->remove_folder(); });
  return *scope;
}

Status put_record() {
  const std::size_t slash = record().find('/');
  if (slash == std::string::npos) return {};
  SIGNET_TRY(const Datastore store, Datastore::acquire(server_scope().host()));
  SIGNET_TRY(Transaction tx, store.write());
  Record made;
  made.kind = record().substr(0, slash);
  made.id = record().substr(slash + 1);
  made.expires_at = server_scope().host().unix_seconds() + 600;
  SIGNET_RETURN_IF_ERROR(tx.put(made));
  return tx.commit().status();
}

class NodeAttestorSuite : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(server_scope().status().ok()) << server_scope().status().to_string();
    ASSERT_TRUE(agent_scope().status().ok()) << agent_scope().status().to_string();
    static const Status recorded = put_record();
    ASSERT_TRUE(recorded.ok()) << recorded.to_string();
  }
  static bool works_once() { return single_use() == "yes"; }
  static std::int64_t soon() { return server_scope().host().deadline_in(std::chrono::seconds(20)); }
  static Result<ServerAttestation> open_server() {
    return ServerAttestation::open(server_scope().host(), plugin_name(server()),
                                   server().trust_domain, kClient, soon());
  }
  static Result<AgentAttestation> open_agent() {
    return AgentAttestation::open(agent_scope().host(), plugin_name(agent()), soon());
  }

  // What went over the wire in one attestation, and its end.
  struct Attestation {
    std::vector<std::string> from_agent;
    std::vector<std::string> challenges;
    AgentAttributes attributes;
  };
  static Result<Attestation> attest() {
    SIGNET_TRY(ServerAttestation servers, open_server());
    SIGNET_TRY(AgentAttestation agents, open_agent());
    Attestation out;
    std::string challenge;
    for (int round = 0; round < kMostRounds; ++round) {
      SIGNET_TRY(const std::string message, agents.step(challenge, soon()));
      out.from_agent.push_back(message);
      SIGNET_TRY(ServerStep step, servers.step(message, soon()));
      if (step.attributes) {
        out.attributes = *step.attributes;
        const auto late = servers.step(message, soon());
        EXPECT_FALSE(late.ok()) << "attributes end the session";
        return out;
      }
      challenge = step.challenge;
      out.challenges.push_back(challenge);
    }
    return Status::internal("no end after " + std::to_string(kMostRounds) + " challenges");
  }
  /// The ID that a server's session gives whoever sends `messages`, whatever it asks. Errors: none.
  static Result<std::string> id_for(const std::vector<std::string>& messages) {
    SIGNET_TRY(ServerAttestation session, open_server());
    for (const std::string& message : messages) {
      SIGNET_TRY(const ServerStep step, session.step(message, soon()));
      if (step.attributes) return step.attributes->agent_id;
    }
    return Status::permission_denied("it has asked for more");
  }
  static std::vector<std::string> garbage() {
    return {"\n",
            "null",
            "{}",
            "[]",
            "\"\"",
            std::string(3, '\0'),
            "{\"certificates\": [\"AAAA\"]}",
            "\xff\xfe\xfd",
            std::string(1 << 20, 'x'),
            std::string(100'000, '['),
            crypto::random_alphanumeric(36),
            "../../" + crypto::random_alphanumeric(30)};
  }
};

// The first one: what works once is used here.
TEST_F(NodeAttestorSuite, AnAgentGetsAnIdOfItsTrustDomainAndType) {
  const auto attested = attest();
  ASSERT_TRUE(attested.ok()) << attested.status().to_string();
  const AgentAttributes& found = attested->attributes;
  const auto id = SpiffeId::parse(found.agent_id);
  ASSERT_TRUE(id.ok()) << found.agent_id << ": " << id.status().to_string();
  EXPECT_EQ(id->trust_domain().name(), server().trust_domain);
  std::string type = plugin_name(server());  // as a file is named: k8s-psat is k8s_psat
  std::replace(type.begin(), type.end(), '-', '_');
  EXPECT_EQ(id->path().rfind("/spire/agent/" + type + "/", 0), 0u) << found.agent_id;
  std::set<std::string> selectors;
  for (const std::string& value : found.selectors) {
    EXPECT_FALSE(value.empty());
    EXPECT_TRUE(selectors.insert(value).second) << value << " is there twice";
  }
  for (const std::string& message : attested->from_agent) EXPECT_FALSE(message.empty());

  const auto again = attest();
  if (works_once()) {
    EXPECT_FALSE(again.ok()) << "it worked twice";
    EXPECT_FALSE(found.can_reattest);
    return;
  }
  ASSERT_TRUE(again.ok()) << again.status().to_string();
  EXPECT_EQ(again->attributes.agent_id, found.agent_id);
  EXPECT_EQ(again->attributes.selectors, found.selectors);
  EXPECT_EQ(again->attributes.can_reattest, found.can_reattest);
}

TEST_F(NodeAttestorSuite, GarbageIsRefusedInWords) {
  for (const std::string& bad : garbage()) {
    const auto id = id_for({bad});
    ASSERT_FALSE(id.ok()) << bad.substr(0, 50);
    EXPECT_NE(id.status().code(), Code::kUnknown) << bad.substr(0, 50);
    EXPECT_FALSE(id.status().message().empty()) << bad.substr(0, 50);
  }
}

TEST_F(NodeAttestorSuite, AChallengeIsNotAnsweredByGarbage) {
  if (works_once()) GTEST_SKIP() << "it attests once";
  const auto good = attest();
  ASSERT_TRUE(good.ok()) << good.status().to_string();
  if (good->challenges.empty()) GTEST_SKIP() << "it has no challenges";
  for (const std::string& bad : garbage()) {
    EXPECT_FALSE(id_for({good->from_agent.front(), bad}).ok()) << bad.substr(0, 50);
  }
  EXPECT_TRUE(attest().ok()) << "and the next honest one is served";
}

TEST_F(NodeAttestorSuite, WhatWasSaidBeforeProvesNothing) {
  if (works_once()) GTEST_SKIP() << "it attests once";
  const auto first = attest();
  const auto second = attest();
  ASSERT_TRUE(first.ok() && second.ok());
  if (first->challenges.empty()) GTEST_SKIP() << "it has no challenges";
  EXPECT_NE(first->challenges, second->challenges);
  EXPECT_FALSE(id_for(first->from_agent).ok()) << "a recording attests";
  EXPECT_FALSE(id_for({first->from_agent.back()}).ok()) << "so does its end";
}

TEST_F(NodeAttestorSuite, AChangedMessageNeverMakesAnotherAgent) {
  if (works_once()) GTEST_SKIP() << "it attests once";
  const auto good = attest();
  ASSERT_TRUE(good.ok()) << good.status().to_string();
  const std::string& payload = good->from_agent.front();
  const std::size_t stride = std::max<std::size_t>(1, payload.size() / 60);
  for (std::size_t at = 0; at < payload.size(); at += stride) {
    std::string changed = payload;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    auto agents = open_agent();
    auto servers = open_server();
    ASSERT_TRUE(agents.ok() && servers.ok());
    ASSERT_TRUE(agents->step("", soon()).ok());
    Result<ServerStep> step = servers->step(changed, soon());
    for (int round = 0; round < kMostRounds && step.ok() && !step->attributes; ++round) {
      const auto answer = agents->step(step->challenge, soon());
      if (!answer.ok()) break;
      step = servers->step(*answer, soon());
    }
    if (step.ok() && step->attributes) {
      EXPECT_EQ(step->attributes->agent_id, good->attributes.agent_id) << "byte " << at;
    }
  }
}

TEST_F(NodeAttestorSuite, AnAgentOutlivesForgedChallenges) {
  for (const std::string& bad : garbage()) {
    auto session = open_agent();
    ASSERT_TRUE(session.ok()) << session.status().to_string();
    ASSERT_TRUE(session->step("", soon()).ok());
    const auto answer = session->step(bad, soon());
    EXPECT_TRUE(answer.ok() || !answer.status().message().empty()) << bad.substr(0, 50);
  }
}

TEST_F(NodeAttestorSuite, SessionsAreApart) {
  if (works_once()) GTEST_SKIP() << "it attests once";
  const auto good = attest();
  ASSERT_TRUE(good.ok()) << good.status().to_string();
  std::vector<std::thread> threads;
  for (int n = 0; n < 8; ++n) {
    threads.emplace_back([&, n] {
      if (n % 2 == 1) {
        EXPECT_FALSE(id_for({"garbage beside it"}).ok());
        return;
      }
      const auto attested = attest();
      ASSERT_TRUE(attested.ok()) << attested.status().to_string();
      EXPECT_EQ(attested->attributes.agent_id, good->attributes.agent_id);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(NodeAttestorSuite, ASessionThatIsGivenUpCostsNothing) {
  for (int n = 0; n < 1000; ++n) {
    ASSERT_TRUE(open_server().ok());
    ASSERT_TRUE(open_agent().ok());
  }
}

}  // namespace
}  // namespace signet::conformance

int main(int argc, char** argv) {
  using namespace signet::conformance;
  const auto prepare = [] {
    PluginUnderTest& other = agent();
    other.file =
        other.file.empty() ? server().file : std::filesystem::absolute(other.file).string();
    other.trust_domain = server().trust_domain;
    other.plugin_dir = server().plugin_dir;
    other.library_dir = server().library_dir;
  };
  return run_suite(argc, argv, server(), prepare,
                   {{"--agent-plugin", &agent().file},
                    {"--agent-config", &agent().config},
                    {"--others", &server().others},
                    {"--single-use", &single_use()},
                    {"--record", &record()}});
}
