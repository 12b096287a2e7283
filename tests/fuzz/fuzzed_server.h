// The whole server but its transport and its database, as the targets of its requests and of its
// rows have it. It runs on a clock of theirs and comes back to how it began.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include "signet/attestor.h"
#include "signet/bundle_source.h"
#include "signet/utf8.h"

#include "entry_helpers.h"
#include "entry_record.h"
#include "rpc-local/blobs.h"
#include "rpc-local/local_rpc.h"
#include "running_server.h"
#include "server_fakes.h"
#include "spire/api/server/agent/v1/agent.pb.h"
#include "spire/api/server/svid/v1/svid.pb.h"
#include "x509/csr.h"

namespace signet::fuzz {

using server::RunningServer;
using server::ServerConfig;

inline constexpr int kLongList = 510;
inline constexpr std::int64_t kStart = 1'700'000'000;
inline constexpr std::int64_t kMostPassed = 600'000'000'000;  // ns, before memory is too old

[[noreturn]] inline void give_up(std::string_view why, std::string_view where = {}) {
  std::fprintf(stderr, "%.*s: %.*s\n", static_cast<int>(where.size()), where.data(),
               static_cast<int>(why.size()), why.data());
  std::abort();
}

// A clock that the thread of the feeds may look at, and a log that somebody reads.
inline std::atomic<std::int64_t> now_ns{kStart * 1'000'000'000};
inline constexpr signet_host_clock kClock = {sizeof(signet_host_clock), 0,
                                             [](const signet_host*) { return now_ns.load(); },
                                             [](const signet_host*) { return now_ns.load(); }};
inline constexpr signet_host_log kLog = {
    sizeof(signet_host_log),
    0,
    [](const signet_host*, std::uint32_t) { return 1u; },
    [](const signet_host*, std::uint32_t, signet_str message, const signet_field*, std::size_t) {
      if (view(message) == "Method threw") give_up("an exception");
    },
    [](const signet_host*, std::uint32_t* launch) -> std::uint32_t {
      return *launch = SIGNET_LOG_INFO;
    },
    [](const signet_host*, std::uint32_t level) {
      if (level > SIGNET_LOG_FATAL && level != UINT32_MAX) give_up("no such level");
    }};

// Of federated trust domains nobody answers.
inline constexpr signet_bundle_source kAway = {
    sizeof(signet_bundle_source), 0,
    [](signet_instance*, signet_call* c, const signet_bundle_fetch*) -> signet_status {
      return c->ops->fail(c, SIGNET_UNAVAILABLE, to_abi(std::string_view("away")));
    }};

// Who sends "?..." is asked that often; anything else is an agent's name.
class Attestor final : public Plugin, public NodeAttestorServer {
 public:
  using Plugin::Plugin;
  struct Session final : NodeAttestorServerSession {
    Result<ServerStep> step(std::string_view from_agent, std::int64_t) override {
      ServerStep next;
      if (from_agent.starts_with('?')) {
        next.challenge = from_agent.substr(1);
      } else {
        next.attributes = std::make_unique<AgentAttributes>();
        next.attributes->agent_id =
            "spiffe://example.org/spire/agent/fake/" + std::string(from_agent);
        next.attributes->selectors = {"name:" + std::string(from_agent)};
      }
      return next;
    }
  };
  signet_instance* instance() { return to_abi(static_cast<Plugin*>(this)); }
  Status configure(Call&, std::string_view) override { return {}; }
  Result<std::unique_ptr<NodeAttestorServerSession>> open_server(std::string_view,
                                                                 std::string_view) override {
    return std::unique_ptr<NodeAttestorServerSession>(std::make_unique<Session>());
  }
};

// What a client would make of it: answers that can be read, or a status.
inline void check_answers(std::string_view method, const fakes::LocalRpc::Call& call) {
  if (!call.over()) give_up("no end", method);
  if (!is_utf8(call.words())) give_up("a status that is no text", method);
  std::string name(method.substr(1));
  std::replace(name.begin(), name.end(), '/', '.');
  const auto* const rpc =
      google::protobuf::DescriptorPool::generated_pool()->FindMethodByName(name);
  if (rpc == nullptr) give_up("no such method", method);
  const auto* const type =
      google::protobuf::MessageFactory::generated_factory()->GetPrototype(rpc->output_type());
  const std::unique_ptr<google::protobuf::Message> answer(type->New());
  const auto messages = call.messages();
  for (const std::string& bytes : messages) {
    if (!answer->ParseFromString(bytes)) give_up("an answer that cannot be read", method);
  }
  const bool one = messages.size() == (call.code() == Code::kOk ? 1 : 0);
  if (!rpc->server_streaming() && !one) give_up("not one answer", method);
}

// Where the server keeps its ID.
struct Folder {
  Folder() {
    if (mkdtemp(path) == nullptr) give_up("no folder");
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  char path[32] = "/tmp/signet-fuzz-XXXXXX";
};

class Server {
 public:
  Server() {
    quiet_.serve(SIGNET_HOST_RPC, rpc.table());
    quiet_.serve(SIGNET_HOST_BLOB, fakes::Blobs::table());
    quiet_.serve(SIGNET_HOST_CLOCK, &kClock);
    quiet_.serve(SIGNET_HOST_LOG, &kLog);
    quiet_.offer(SIGNET_NODE_ATTESTOR_SERVER, attestor_.instance(),
                 node_attestor_server_table<Attestor>());
    quiet_.offer(SIGNET_BUNDLE_SOURCE, attestor_.instance(), &kAway);
    static const Folder kFolder;
    config_.data_dir = kFolder.path;
    config_.ca_ttl = std::chrono::hours(10 * 365 * 24);
    config_.agent_ttl = config_.x509_svid_ttl = std::chrono::hours(365 * 24);
    config_.wit_svids = true;
    config_.audit_log_enabled = true;
    config_.ratelimit_attestation = config_.ratelimit_signing = false;
    put_entries();
    if (const Status started = start(); !started.ok()) give_up(started.message(), "start");
    agent = attest("agent");
    many = attest("many");
    below = server_below();
    stored_ = store_;
  }

  /// As it was in the beginning, with these records besides. Keys that were made meanwhile stay,
  /// for nobody. Errors   as RunningServer::start()
  Status restore(std::vector<Record> more = {}) {
    running_.reset();
    store_ = stored_;
    put(std::move(more));
    return start();
  }
  void put(std::vector<Record> records) {
    auto tx = Datastore::acquire(quiet_.host())->write();
    for (Record& record : records) {
      if (!tx->put(record).ok()) give_up("no record");
    }
    if (!records.empty() && !tx->commit().ok()) give_up("no records");
  }
  /// Entries of the agent `many`, more than SyncAuthorizedEntries sends in full.
  static std::vector<Record> long_list() {
    std::vector<Record> records;
    for (int n = 0; n < kLongList; ++n) {
      const std::string id = "e" + std::to_string(n);
      records.push_back(
          server::entry_to_record(server::make_entry(id, "/spire/agent/fake/many", "/" + id)));
    }
    return records;
  }
  /// What is done now and then is done now.
  void fire_timers() { quiet_.fire_timers(); }
  bool touched() const {
    return store_.revision() != began_ || now_ns - kStart * 1'000'000'000 > kMostPassed;
  }

  fakes::LocalRpc rpc;
  fakes::LocalCaller agent, many, below;
  fakes::LocalCaller stranger{{}, "10.0.0.9:1", true};

 private:
  Status start() {
    now_ns = kStart * 1'000'000'000;
    SIGNET_TRY(running_, RunningServer::start(quiet_.host(), config_));
    began_ = store_.revision();
    return {};
  }
  void put_entries() {
    using server::entry_to_record;
    using server::make_entry;
    auto web = make_entry("web", "/spire/agent/fake/agent", "/web", {"uid:1", "gid:1"});
    web.add_dns_names("web.example.org");
    auto nested = make_entry("nested", "/spire/agent/fake/agent", "/nested");
    nested.set_downstream(true);
    std::vector<Record> records = {
        entry_to_record(web), entry_to_record(nested),
        entry_to_record(make_entry("elsewhere", "/spire/agent/fake/other", "/elsewhere")),
        entry_to_record(make_entry("child", "/web", "/web/child"))};
    put(std::move(records));
  }
  static std::string csr(const std::string& uri) {
    const auto key = crypto::PrivateKey::generate(crypto::KeyType::kEcP256).value();
    return crypto::to_string(x509::create_csr({.uris = {uri}}, key).value());
  }
  template <typename Svid>
  static fakes::LocalCaller with(const Svid& svid) {
    return {{svid.cert_chain().begin(), svid.cert_chain().end()}, "10.0.0.7:4711", true};
  }
  fakes::LocalCaller attest(const std::string& name) {
    spire::api::server::agent::v1::AttestAgentRequest request;
    request.mutable_params()->mutable_data()->set_type("fake");
    request.mutable_params()->mutable_data()->set_payload(name);
    request.mutable_params()->mutable_params()->set_csr(csr("spiffe://example.org/x"));
    const auto call = rpc.open("/spire.api.server.agent.v1.Agent/AttestAgent",
                               request.SerializeAsString(), {}, stranger);
    if (call->count() != 1) give_up(call->words(), "attest");
    return with(call->last<spire::api::server::agent::v1::AttestAgentResponse>().result().svid());
  }
  fakes::LocalCaller server_below() {
    spire::api::server::svid::v1::BatchNewX509SVIDRequest request;
    auto* params = request.add_params();
    params->set_entry_id("nested");
    params->set_csr(csr("spiffe://example.org/nested"));
    const auto call = rpc.call("/spire.api.server.svid.v1.SVID/BatchNewX509SVID",
                               request.SerializeAsString(), {}, agent);
    const auto answer = call->last<spire::api::server::svid::v1::BatchNewX509SVIDResponse>();
    if (answer.results_size() != 1) give_up(call->words(), "server below");
    return with(answer.results(0).svid());
  }

  ServerConfig config_{*TrustDomain::parse("example.org")};
  signet::server::testing::MemoryDatastore store_, stored_;
  signet::server::testing::QuietHost quiet_{&store_};
  Attestor attestor_{quiet_.host(), "fake"};
  std::unique_ptr<RunningServer> running_;
  std::uint64_t began_ = 0;  // the revision then
};

}  // namespace signet::fuzz
