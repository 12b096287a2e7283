// Hostile input: what a server answers its agent. It is the agent's own, yet what it has may be
// broken, or of a newer one.
//
// The agent from its synchroniser to its sockets. An input is a byte for what makes the agent ask,
// then answers: two bytes of length (little-endian) each, and their bytes. The agent takes them for
// the next things that it asks, whatever these are. When the server is sound again, so is the
// agent.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "explain_service.h"
#include "proto/quiet.h"
#include "rig.h"
#include "whole_role.h"

namespace {

using namespace signet::agent;        // NOLINT: a program of one file
using namespace signet::agent::test;  // NOLINT

constexpr std::size_t kMostAnswers = 16;
constexpr int kRounds = 50;  // until the agent is sound, with what it waits after failures

struct Agent : Rig {
  Agent() : Rig([](AgentConfig& c) { c.wit_svids = true; }) {
    server.federate("other.org");
    auto mine = entry("1", "/me", {"unix:uid:0"});
    mine.add_federates_with("other.org");
    server.add(mine);
    for (int n = 2; n < 6; ++n) server.add(entry(std::to_string(n), "/shop", {"k8s:ns:shop"}));
    start();
    explain = std::make_unique<ExplainService>(host.host(), signet::explain::Redacted{},
                                               endpoint->attestor(), identity, *store, server,
                                               [] { return AgentStanding(); });
    admin.offer(*explain);
    if (!admin.start().ok()) std::abort();
  }

  AgentIdentity identity{host.host()};
  std::unique_ptr<ExplainService> explain;
  AdminEndpoint admin{host.host(), AdminOptions{"/run/admin.sock", {}}};
};

// Answers that can be read, or a status.
void ask_for_explanation(Agent& agent) {
  explain_v1::ExplainWorkloadRequest request;
  auto* selector = request.add_selectors();
  selector->set_type("k8s");
  selector->set_value("ns:shop");
  const auto call = agent.call("/signet.explain.v1.AgentExplain/ExplainWorkload",
                               request.SerializeAsString(), {});
  agent.host.run();
  explain_v1::Explanation answer;
  for (const std::string& bytes : call->messages())
    if (!answer.ParseFromString(bytes)) std::abort();
}

void tell(Agent& agent) {
  delivery_v1::FollowResponse told;
  if (agent.server.instead.empty()) return;
  const bool read = told.ParseFromString(agent.server.instead.front());
  agent.server.instead.pop_front();
  if (read) (void)agent.tell(std::move(told));
}

void make_it_ask(Agent& agent, std::uint8_t what) {
  switch (what % 6) {
    case 0:
      return agent.tick();
    case 1:
      agent.server.page = 2;
      return agent.tick();
    case 2:
      return tell(agent);
    case 3:
      (void)agent.fetch_jwt({"db"});
      return;
    case 4:
      (void)agent.call("FetchWITSVID");
      return;
    default:
      return ask_for_explanation(agent);
  }
}

bool sound(Agent& agent) {
  const auto answer = agent.x509()->last<::X509SVIDResponse>();
  return answer.svids_size() == 1 && answer.svids(0).spiffe_id() == "spiffe://example.org/me" &&
         answer.federated_bundles_size() == 1;
}

}  // namespace

extern "C" const char* __asan_default_options() {  // NOLINT: its name
  return signet::fuzz::kAsanOptions;
}

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  signet::fuzz::weigh_nothing(argc, argv);
  signet::proto::keep_protobuf_quiet();
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static auto* const agent = new Agent;
  if (size < 1) return 0;
  std::string_view rest(reinterpret_cast<const char*>(data + 1), size - 1);
  for (std::size_t n = 0; n < kMostAnswers && rest.size() >= 2; ++n) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(rest[i]); };
    const std::size_t length = byte(0) | static_cast<std::size_t>(byte(1)) << 8;
    agent->server.instead.emplace_back(rest.substr(2, length));
    rest.remove_prefix(2 + agent->server.instead.back().size());
  }
  make_it_ask(*agent, data[0]);
  (void)agent->x509();
  agent->server.instead.clear();
  agent->server.page = 0;
  agent->failures.clear();
  for (int n = 0; !sound(*agent); ++n) {
    if (n == kRounds) std::abort();
    agent->tick();
  }
  return 0;
}
