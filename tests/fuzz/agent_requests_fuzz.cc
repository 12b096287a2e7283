// Hostile input: what callers send to the methods at both of the agent's sockets, message by
// message.
//
// The agent from its synchroniser to its sockets, with a fake server behind it. An input is a byte
// for the method, then messages: two bytes of length (little-endian) each, and their bytes, in
// which kNonce stands for that of the last SDS answer. A length with the highest bit set changes
// first whether the caller reads. Whatever is asked, everybody else is served as before.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "delegated_service.h"
#include "envoy/service/discovery/v3/discovery.pb.h"
#include "explain_service.h"
#include "operator_services.h"
#include "proto/quiet.h"
#include "rig.h"
#include "whole_role.h"

namespace {

using namespace signet::agent;        // NOLINT: a program of one file
using namespace signet::agent::test;  // NOLINT
namespace discovery = ::envoy::service::discovery::v3;

constexpr const char* kMethods[] = {
    "/envoy.service.secret.v3.SecretDiscoveryService/StreamSecrets",
    "/envoy.service.secret.v3.SecretDiscoveryService/DeltaSecrets",
    "/envoy.service.secret.v3.SecretDiscoveryService/FetchSecrets",
    "/spire.api.agent.delegatedidentity.v1.DelegatedIdentity/SubscribeToX509SVIDs",
    "/spire.api.agent.delegatedidentity.v1.DelegatedIdentity/FetchJWTSVIDs",
    "/signet.explain.v1.AgentExplain/ExplainWorkload",
    "/SpiffeWorkloadAPI/FetchJWTSVID",
    "/SpiffeWorkloadAPI/ValidateJWTSVID",
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.health.v1.Health/Check",
    "/spire.api.agent.logger.v1.Logger/SetLogLevel",
};
constexpr std::size_t kExplain = 5;
constexpr std::string_view kNonce = "<nonce!>";
constexpr std::size_t kMostMessages = 32;

struct Agent : Rig {
  Agent() {
    server.federate("other.org");
    auto mine = entry("1", "/me", {"unix:uid:0"});
    mine.add_federates_with("other.org");
    server.add(mine);
    server.add(entry("2", "/shop", {"k8s:ns:shop", "docker:env:SECRET=1"}));
    start();
    const signet::Host h = host.host();
    delegated =
        std::make_unique<DelegatedService>(h, std::vector<std::string>{"spiffe://example.org/me"},
                                           endpoint->attestor(), *store, *jwt, [] { return true; });
    explain = std::make_unique<ExplainService>(h, signet::explain::Redacted{"docker:env"},
                                               endpoint->attestor(), identity, *store, server,
                                               [] { return AgentStanding(); });
    admin.offer(*delegated);
    admin.offer(*explain);
    admin.offer(logger);
    if (!admin.start().ok()) std::abort();
  }

  AgentIdentity identity{host.host()};
  LoggerService logger{host.host()};
  std::unique_ptr<DelegatedService> delegated;
  std::unique_ptr<ExplainService> explain;
  AdminEndpoint admin{host.host(), AdminOptions{"/run/admin.sock", {}}};
};

std::string last_nonce(const Rig::CallPtr& call) {
  return call ? call->last<discovery::DiscoveryResponse>().nonce() : std::string();
}

// Answers to SDS are whole and have each name once.
void check_answers(std::size_t method, const Rig::CallPtr& call) {
  if (method > 2) return;
  for (const std::string& bytes : call->messages()) {
    std::set<std::string> names;
    if (method == 1) {
      discovery::DeltaDiscoveryResponse answer;
      if (!answer.ParseFromString(bytes)) std::abort();
      for (const auto& resource : answer.resources())
        if (!names.insert(resource.name()).second) std::abort();
      for (const auto& name : answer.removed_resources())
        if (!names.insert(name).second) std::abort();
    } else {
      discovery::DiscoveryResponse answer;
      if (!answer.ParseFromString(bytes)) std::abort();
    }
  }
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
  const std::size_t method = data[0] % std::size(kMethods);
  std::string_view rest(reinterpret_cast<const char*>(data + 1), size - 1);
  // Who explains waits for the attestors: there is no other worker to run them.
  agent->host.one_worker = method == kExplain;
  Rig::CallPtr call;
  bool reads = true;
  for (std::size_t n = 0; n < kMostMessages && rest.size() >= 2; ++n) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(rest[i]); };
    std::size_t length = byte(0) | static_cast<std::size_t>(byte(1)) << 8;
    const bool turns = (length & 0x8000) != 0;
    length = std::min(length & 0x7fff, rest.size() - 2);
    std::string message(rest.substr(2, length));
    rest.remove_prefix(2 + length);
    if (const auto at = message.find(kNonce); at != std::string::npos)
      message.replace(at, kNonce.size(), last_nonce(call));
    if (!call) {
      call = agent->rpc.open(kMethods[method], message, {{"workload.spiffe.io", "true"}});
      continue;
    }
    if (call->over()) break;
    if (turns) {
      reads = !reads;
      reads ? call->read_on() : call->stop_reading();
    }
    call->send(message);
    agent->host.run();
  }
  if (!call) return 0;
  check_answers(method, call);
  call.reset();
  agent->host.one_worker = false;
  agent->host.run();
  const auto other = agent->x509();
  if (other->last<::X509SVIDResponse>().svids_size() != 1) std::abort();
  return 0;
}
