// Hostile input: what agents, servers below, strangers and operators send to the methods of the
// server's API, message by message.
//
// The whole server but its transport and database: both sockets, who calls what, the handlers and
// the records behind them. An input is a byte for the method, then messages: two bytes of length
// (little-endian) each, and their bytes. A length with the highest bit set changes first whether
// the caller reads. Whatever is asked, it ends with an answer that can be read or with a status,
// and an agent is served as before. What writes is undone: each input meets the same server.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "fuzzed_server.h"
#include "method_table.h"
#include "proto/quiet.h"
#include "spire/api/server/entry/v1/entry.pb.h"
#include "whole_role.h"

namespace {

using namespace signet;          // NOLINT: a program of one file
using namespace signet::server;  // NOLINT
using fakes::LocalRpc;
using fuzz::give_up;
using fuzz::Server;

// New ones at the end: kept inputs name them by their place.
constexpr std::string_view kFuzzed[] = {
    "/spire.api.server.agent.v1.Agent/AttestAgent",
    "/spire.api.server.agent.v1.Agent/RenewAgent",
    "/spire.api.server.agent.v1.Agent/PostStatus",
    "/signet.delivery.v1.Delivery/Follow",
    "/signet.explain.v1.ServerExplain/AskAboutCaller",
    "/signet.explain.v1.ServerExplain/ExplainEntry",
    "/spire.api.server.entry.v1.Entry/SyncAuthorizedEntries",
    "/spire.api.server.entry.v1.Entry/GetAuthorizedEntries",
    "/spire.api.server.svid.v1.SVID/BatchNewX509SVID",
    "/spire.api.server.svid.v1.SVID/NewJWTSVID",
    "/spire.api.server.svid.v1.SVID/BatchNewWITSVID",
    "/spire.api.server.svid.v1.SVID/NewDownstreamX509CA",
    "/spire.api.server.bundle.v1.Bundle/GetBundle",
    "/spire.api.server.bundle.v1.Bundle/GetFederatedBundle",
    "/spire.api.server.bundle.v1.Bundle/PublishJWTAuthority",
    "/spire.api.server.bundle.v1.Bundle/PublishWITAuthority",
    "/spire.api.server.bundle.v1.Bundle/AppendBundle",
    "/spire.api.server.bundle.v1.Bundle/CountBundles",
    "/spire.api.server.bundle.v1.Bundle/ListFederatedBundles",
    "/spire.api.server.bundle.v1.Bundle/BatchCreateFederatedBundle",
    "/spire.api.server.bundle.v1.Bundle/BatchUpdateFederatedBundle",
    "/spire.api.server.bundle.v1.Bundle/BatchSetFederatedBundle",
    "/spire.api.server.bundle.v1.Bundle/BatchDeleteFederatedBundle",
    "/spire.api.server.svid.v1.SVID/MintX509SVID",
    "/spire.api.server.svid.v1.SVID/MintJWTSVID",
    "/spire.api.server.svid.v1.SVID/MintWITSVID",
    "/spire.api.server.entry.v1.Entry/CountEntries",
    "/spire.api.server.entry.v1.Entry/ListEntries",
    "/spire.api.server.entry.v1.Entry/GetEntry",
    "/spire.api.server.entry.v1.Entry/BatchCreateEntry",
    "/spire.api.server.entry.v1.Entry/BatchUpdateEntry",
    "/spire.api.server.entry.v1.Entry/BatchDeleteEntry",
    "/spire.api.server.agent.v1.Agent/CountAgents",
    "/spire.api.server.agent.v1.Agent/ListAgents",
    "/spire.api.server.agent.v1.Agent/GetAgent",
    "/spire.api.server.agent.v1.Agent/DeleteAgent",
    "/spire.api.server.agent.v1.Agent/BanAgent",
    "/spire.api.server.agent.v1.Agent/CreateJoinToken",
    "/spire.api.server.trustdomain.v1.TrustDomain/ListFederationRelationships",
    "/spire.api.server.trustdomain.v1.TrustDomain/GetFederationRelationship",
    "/spire.api.server.trustdomain.v1.TrustDomain/BatchCreateFederationRelationship",
    "/spire.api.server.trustdomain.v1.TrustDomain/BatchUpdateFederationRelationship",
    "/spire.api.server.trustdomain.v1.TrustDomain/BatchDeleteFederationRelationship",
    "/spire.api.server.trustdomain.v1.TrustDomain/RefreshBundle",
    "/spire.api.server.localauthority.v1.LocalAuthority/ActivateJWTAuthority",
    "/spire.api.server.localauthority.v1.LocalAuthority/TaintJWTAuthority",
    "/spire.api.server.localauthority.v1.LocalAuthority/RevokeJWTAuthority",
    "/spire.api.server.localauthority.v1.LocalAuthority/ActivateX509Authority",
    "/spire.api.server.localauthority.v1.LocalAuthority/TaintX509Authority",
    "/spire.api.server.localauthority.v1.LocalAuthority/RevokeX509Authority",
    "/spire.api.server.localauthority.v1.LocalAuthority/ActivateWITAuthority",
    "/spire.api.server.localauthority.v1.LocalAuthority/TaintWITAuthority",
    "/spire.api.server.localauthority.v1.LocalAuthority/RevokeWITAuthority",
    "/spire.api.server.localauthority.v1.LocalAuthority/TaintX509UpstreamAuthority",
    "/spire.api.server.localauthority.v1.LocalAuthority/RevokeX509UpstreamAuthority",
    "/spire.api.server.logger.v1.Logger/SetLogLevel",
    "/grpc.health.v1.Health/Check",
};
// Requests without a field, or those of the target agent_requests.
constexpr std::string_view kNothingToRead[] = {
    "/spire.api.server.debug.v1.Debug/GetInfo",
    "/signet.server.v1.Server/GetPublication",
    "/signet.server.v1.Server/Leave",
    "/signet.server.v1.Server/GetFreshness",
    "/signet.server.v1.Server/GetFederation",
    "/spire.api.server.logger.v1.Logger/GetLogger",
    "/spire.api.server.logger.v1.Logger/ResetLogLevel",
    "/spire.api.server.localauthority.v1.LocalAuthority/GetJWTAuthorityState",
    "/spire.api.server.localauthority.v1.LocalAuthority/PrepareJWTAuthority",
    "/spire.api.server.localauthority.v1.LocalAuthority/GetX509AuthorityState",
    "/spire.api.server.localauthority.v1.LocalAuthority/PrepareX509Authority",
    "/spire.api.server.localauthority.v1.LocalAuthority/GetWITAuthorityState",
    "/spire.api.server.localauthority.v1.LocalAuthority/PrepareWITAuthority",
    "/grpc.health.v1.Health/List",
    "/grpc.health.v1.Health/Watch",
};
constexpr std::size_t kMostMessages = 16;
constexpr std::int64_t kBetween = 200'000'000;  // ns; refills the buckets of the rate limits

bool is_listed(std::string_view method) {
  const auto in = [&](const auto& list) {
    return std::find(std::begin(list), std::end(list), method) != std::end(list);
  };
  return in(kFuzzed) || in(kNothingToRead);
}

const fakes::LocalCaller& caller_of(const Server& server, const MethodRule& rule, bool many) {
  static const fakes::LocalCaller kLocally;
  if ((rule.callers & kAgent) != 0) return many ? server.many : server.agent;
  if ((rule.callers & kDownstream) != 0) return server.below;
  return (rule.callers & kAny) != 0 ? server.stranger : kLocally;
}

// The feeds have a thread of their own.
void wait_for_first(const LocalRpc::Call& call) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(8);
  while (call.count() == 0 && !call.over()) {
    if (std::chrono::steady_clock::now() > until) give_up("nothing is told", kFuzzed[3]);
    std::this_thread::yield();
  }
}

void ask(Server& server, std::string_view method, std::string_view rest) {
  const MethodRule& rule = *find_method(method);
  std::unique_ptr<LocalRpc::Call> call;
  bool reads = true;
  for (std::size_t n = 0; n < kMostMessages && rest.size() >= 2; ++n) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(rest[i]); };
    std::size_t length = byte(0) | static_cast<std::size_t>(byte(1)) << 8;
    const bool turns = (length & 0x8000) != 0;
    length = std::min(length & 0x7fff, rest.size() - 2);
    std::string message(rest.substr(2, length));
    rest.remove_prefix(2 + length);
    if (!call) {
      call = server.rpc.open(std::string(method), std::move(message), {},
                             caller_of(server, rule, turns));
      if (method == kFuzzed[3]) wait_for_first(*call);
      continue;
    }
    if (call->over()) break;
    if (turns) {
      reads = !reads;
      reads ? call->read_on() : call->stop_reading();
    }
    call->send(std::move(message));
  }
  if (!call) return;
  call->read_on();
  call->half_close();
  fuzz::check_answers(method, *call);
}

void restore(Server& server, bool long_list) {
  const Status again = server.restore(long_list ? Server::long_list() : std::vector<Record>());
  if (!again.ok()) give_up(again.message(), "restart");
}

}  // namespace

extern "C" const char* __asan_default_options() { return fuzz::kAsanOptions; }  // NOLINT: its name

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  fuzz::weigh_nothing(argc, argv);
  proto::keep_protobuf_quiet();
  for (const MethodRule& rule : kMethods) {
    if (!is_listed(rule.method)) give_up("is in neither list of this target", rule.method);
  }
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static auto* const server = new Server;
  if (size < 1) return 0;
  fuzz::now_ns += kBetween;
  const std::string_view method = kFuzzed[data[0] % std::size(kFuzzed)];
  static bool long_list = false;
  if (method == kFuzzed[6] && !long_list) restore(*server, long_list = true);
  ask(*server, method, {reinterpret_cast<const char*>(data + 1), size - 1});
  const bool by_operator = (find_method(method)->callers & (kLocal | kAdmin)) != 0;
  if (!server->touched() || !by_operator) {
    const auto list =
        server->rpc
            .call("/spire.api.server.entry.v1.Entry/GetAuthorizedEntries", "", {}, server->agent)
            ->last<spire::api::server::entry::v1::GetAuthorizedEntriesResponse>();
    if (list.entries_size() != 3) give_up("the agent is not served", method);
  }
  if (server->touched()) restore(*server, long_list = false);
  return 0;
}
