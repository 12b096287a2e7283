// The calls to the server over a transport: one connection with the agent's SVID, a new one after
// each rotation, and what became of calls that were under way then.
#include "server_client.h"

#include <future>

#include <gtest/gtest.h>

#include "signet/rpc/listener.h"

#include "fake_server.h"
#include "memory-keys/memory_keys.h"
#include "rpc-local/local_rpc.h"
#include "spire/api/server/agent/v1/agent.pb.h"
#include "spire/api/server/bundle/v1/bundle.pb.h"

namespace signet::agent::test {
namespace {

namespace agent_v1 = ::spire::api::server::agent::v1;
using Details = ::spire::api::types::PermissionDeniedDetails;

constexpr std::chrono::seconds kAge{10};
constexpr const char* kGetBundle = "/spire.api.server.bundle.v1.Bundle/GetBundle";
constexpr const char* kFollow = "/signet.delivery.v1.Delivery/Follow";
constexpr const char* kSync = "/spire.api.server.entry.v1.Entry/SyncAuthorizedEntries";
constexpr const char* kAttest = "/spire.api.server.agent.v1.Agent/AttestAgent";

// A server's side of the connection: who it says it is, and who it saw.
class ServerSide final : public RpcAcceptor {
 public:
  Result<RpcIdentity> identity() override { return RpcIdentity{{certificate}, {}, {}, {}}; }
  Result<RpcVerdict> verify(const RpcPeer& peer) override {
    const std::lock_guard lock(mutex_);
    seen_.emplace_back(peer.chain_len == 0 ? "" : view(peer.chain[0]));
    return RpcVerdict{};
  }
  std::vector<std::string> seen() const {
    const std::lock_guard lock(mutex_);
    return seen_;
  }
  std::string certificate;

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> seen_;
};

// Calls that wait for the test to answer them.
class Held {
 public:
  void add(std::shared_ptr<ServerCall> call) {
    const std::lock_guard lock(mutex_);
    calls_.push_back(std::move(call));
    changed_.notify_all();
  }
  std::shared_ptr<ServerCall> next() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !calls_.empty(); });
    auto call = std::move(calls_.front());
    calls_.pop_front();
    return call;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::shared_ptr<ServerCall>> calls_;
};

class Challenged final : public NodeProof {
 public:
  std::string type() const override { return "riddle"; }
  Result<std::string> step(std::string_view challenge) override {
    return challenge.empty() ? std::string("hello") : "answer to " + std::string(challenge);
  }
};

class ServerClientTest : public ::testing::Test {
 protected:
  ServerClientTest() {
    host.rpc = rpc.table();
    host.offer(SIGNET_KEY_MANAGER, "memory", keys.instance(), keys.table());
    EXPECT_TRUE(identity.open().ok());
    rotate();
    trust.set_authorities(x509::RootPool({ca.certificate}));
    server.certificate = issue("spiffe://example.org/spire/server");
    listener =
        RpcListener::create(host.host(), "tcp:127.0.0.1:0", R"({"tls":true})", &server).value();
    const auto hold = [this](std::shared_ptr<ServerCall> call, std::string_view) {
      held.add(std::move(call));
    };
    EXPECT_TRUE(listener->handle(kGetBundle, hold, 0).ok());
    EXPECT_TRUE(
        listener->handle(kSync, hold, SIGNET_RPC_CLIENT_STREAM | SIGNET_RPC_SERVER_STREAM).ok());
    EXPECT_TRUE(
        listener->handle(kFollow, hold, SIGNET_RPC_CLIENT_STREAM | SIGNET_RPC_SERVER_STREAM).ok());
    EXPECT_TRUE(
        listener
            ->stream<agent_v1::AttestAgentRequest>(
                kAttest,
                [](const std::shared_ptr<ServerCall>& call,
                   const agent_v1::AttestAgentRequest& request) { attestation(call, request); },
                SIGNET_RPC_CLIENT_STREAM | SIGNET_RPC_SERVER_STREAM)
            .ok());
    EXPECT_TRUE(listener->serve().ok());
    rpc.start_threads();
    client = std::make_unique<ServerClient>(host.host(), "dns:" + listener->address().substr(4),
                                            kAge, identity, trust);
  }
  ~ServerClientTest() override {
    client.reset();
    listener.reset();
  }
  std::string issue(const std::string& id) {
    const auto key = crypto::PrivateKey::generate(crypto::KeyType::kEcP256).value();
    return crypto::to_string(
        ca.issue(id, key.public_key().spki(), host.unix_seconds(), std::chrono::hours(1)));
  }
  /// The agent has another SVID from now on.
  std::string rotate() {
    std::string der = issue("spiffe://example.org/spire/agent/me");
    identity.set(std::make_shared<AgentSvid>(AgentSvid{
        {x509::Certificate::parse(crypto::as_bytes(der)).value()}, "agent-svid-A", false}));
    return der;
  }
  static void attestation(const std::shared_ptr<ServerCall>& call,
                          const agent_v1::AttestAgentRequest& first) {
    EXPECT_EQ(first.params().data().type(), "riddle");
    EXPECT_EQ(first.params().data().payload(), "hello");
    ServerCall* const raw = call.get();
    call->on_message = [raw](std::string_view bytes) {
      agent_v1::AttestAgentRequest answer;
      EXPECT_TRUE(answer.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
      EXPECT_EQ(answer.challenge_response(), "answer to riddle");
      agent_v1::AttestAgentResponse response;
      response.mutable_result()->set_reattestable(true);
      (void)raw->send_message(response);
    };
    call->on_half_close = [raw] { raw->finish({}); };
    agent_v1::AttestAgentResponse challenge;
    challenge.set_challenge("riddle");
    (void)call->send_message(challenge);
    call->read();
  }
  static types::Bundle bundle_called(const std::string& name) {
    types::Bundle bundle;
    bundle.set_trust_domain(name);
    return bundle;
  }
  std::future<Result<types::Bundle>> ask() {
    return std::async(std::launch::async, [this] { return client->bundle(); });
  }

  TestHost host;
  fakes::LocalRpc rpc;
  fakes::MemoryKeys keys{host.host()};
  Authority ca = Authority::make("example.org", host.unix_seconds());
  AgentIdentity identity{host.host()};
  ServerTrust trust{host.host(), domain()};
  ServerSide server;
  Held held;
  std::unique_ptr<RpcListener> listener;
  std::unique_ptr<ServerClient> client;
};

TEST_F(ServerClientTest, OneConnectionServesUntilTheSvidIsReplaced) {
  for (int i = 0; i < 3; ++i) {
    auto answer = ask();
    held.next()->finish_message(bundle_called("a"));
    EXPECT_EQ(answer.get()->trust_domain(), "a");
  }
  EXPECT_EQ(server.seen().size(), 1u);
  const std::string fresh = rotate();
  client->renew_connection();
  auto answer = ask();
  held.next()->finish_message(bundle_called("b"));
  EXPECT_TRUE(answer.get().ok());
  ASSERT_EQ(server.seen().size(), 2u);
  EXPECT_EQ(server.seen().back(), fresh);
}

TEST_F(ServerClientTest, ARefusalOfTheRequestKeepsTheConnectionAnotherDropsIt) {
  for (const auto& failure : {Status::not_found("no"), Status::internal("broken"),
                              Status::not_found("no"), Status::not_found("no")}) {
    auto answer = ask();
    held.next()->finish(failure);
    EXPECT_EQ(answer.get().status().code(), failure.code());
  }
  EXPECT_EQ(server.seen().size(), 2u);
}

TEST_F(ServerClientTest, ACallWhoseServerEndsIsMadeOnceMoreOnAnotherConnection) {
  auto answer = ask();
  held.next()->finish(Status::unavailable("draining"));
  held.next()->finish_message(bundle_called("elsewhere"));
  EXPECT_EQ(answer.get()->trust_domain(), "elsewhere");
  EXPECT_EQ(server.seen().size(), 2u);
  answer = ask();
  for (int i = 0; i < 2; ++i) held.next()->finish(Status::unavailable("away"));
  EXPECT_EQ(answer.get().status().code(), Code::kUnavailable);
}

TEST_F(ServerClientTest, TheServerIsChosenAnewAfterARandomTime) {
  const auto connections_after = [&](std::chrono::nanoseconds time) {
    host.advance(time);
    auto answer = ask();
    held.next()->finish_message(bundle_called("a"));
    EXPECT_TRUE(answer.get().ok());
    return server.seen().size();
  };
  EXPECT_EQ(connections_after(std::chrono::seconds(0)), 1u);
  EXPECT_EQ(connections_after(kAge - std::chrono::seconds(1)), 1u);
  EXPECT_EQ(connections_after(kAge + std::chrono::seconds(1)), 2u);
  // The times differ: of twenty, not all come in the same half.
  std::size_t early = 0;
  for (int i = 0; i < 20; ++i) {
    const std::size_t before = server.seen().size();
    const bool moved = connections_after(kAge * 3 / 2) > before;
    early += moved ? 1 : 0;
    if (!moved) connections_after(kAge);
  }
  EXPECT_GT(early, 0u);
  EXPECT_LT(early, 20u);
}

TEST_F(ServerClientTest, CallsUnderWayStayOnAnAgedConnection) {
  auto first = ask();
  const auto call = held.next();
  host.advance(2 * kAge);
  auto second = ask();
  held.next()->finish_message(bundle_called("b"));
  EXPECT_EQ(second.get()->trust_domain(), "b");
  EXPECT_EQ(server.seen().size(), 2u);
  call->finish_message(bundle_called("a"));
  EXPECT_EQ(first.get()->trust_domain(), "a");
}

TEST_F(ServerClientTest, ACallThatIsRefusedBecauseItShowedTheOldSvidIsRepeated) {
  auto answer = ask();
  const auto first = held.next();
  rotate();
  client->renew_connection();
  first->finish(FakeServer::verdict(Details::AGENT_NOT_ACTIVE));
  held.next()->finish_message(bundle_called("again"));
  EXPECT_EQ(answer.get()->trust_domain(), "again");
}

TEST_F(ServerClientTest, AVerdictOnTheCurrentSvidIsGivenOn) {
  auto answer = ask();
  held.next()->finish(FakeServer::verdict(Details::AGENT_NOT_ATTESTED));
  const auto failure = answer.get().status();
  EXPECT_EQ(failure.code(), Code::kPermissionDenied);
  ASSERT_NE(failure.detail(), nullptr);
}

TEST_F(ServerClientTest, ABanIsNotAskedAbout) {
  auto answer = ask();
  const auto first = held.next();
  rotate();
  client->renew_connection();
  first->finish(FakeServer::verdict(Details::AGENT_BANNED));
  EXPECT_EQ(answer.get().status().code(), Code::kPermissionDenied);
}

TEST_F(ServerClientTest, AStreamOfEntriesOutlivesTheRenewalOrIsTriedAgainLater) {
  const auto stream = client->sync_entries({}).value();
  auto call = held.next();
  rotate();
  client->renew_connection();
  entry_v1::SyncAuthorizedEntriesResponse page;
  page.add_entries()->set_id("1");
  (void)call->send_message(page);
  const auto read = stream->read();
  ASSERT_TRUE(read.ok()) << read.status().message();
  EXPECT_EQ(read->entries_size(), 1);
  call->finish(FakeServer::verdict(Details::AGENT_NOT_ACTIVE));
  EXPECT_EQ(stream->read().status().code(), Code::kUnavailable);  // no verdict on the new SVID
}

TEST_F(ServerClientTest, AConnectionThatWasFoundLostTakesItsCallsWithIt) {
  const auto following = client->follow({}).value();
  const auto follow = held.next();
  auto answer = ask();
  const auto call = held.next();
  const auto entries = client->sync_entries({}).value();
  const auto sync = held.next();
  following->lost();
  EXPECT_EQ(following->read().status().code(), Code::kUnavailable);
  EXPECT_EQ(entries->read().status().code(), Code::kUnavailable);
  held.next()->finish_message(bundle_called("elsewhere"));
  EXPECT_EQ(answer.get()->trust_domain(), "elsewhere");
  EXPECT_EQ(server.seen().size(), 2u);
}

TEST_F(ServerClientTest, AStreamThatEndsWellButEarlyIsAnError) {
  const auto stream = client->sync_entries({}).value();
  held.next()->finish({});
  EXPECT_EQ(stream->read().status().code(), Code::kInternal);
}

TEST_F(ServerClientTest, CloseEndsWhatIsUnderWayAndRefusesTheRest) {
  auto answer = ask();
  const auto call = held.next();
  client->close();
  EXPECT_EQ(answer.get().status().code(), Code::kCancelled);
  EXPECT_EQ(client->bundle().status().code(), Code::kCancelled);
}

TEST_F(ServerClientTest, AttestsWithoutACertificateAndAsksForTheBundleThere) {
  Challenged proof;
  auto attested = std::async(std::launch::async, [&] { return client->attest(proof, "request"); });
  held.next()->finish_message(bundle_called("example.org"));
  const auto result = attested.get();
  ASSERT_TRUE(result.ok()) << result.status().message();
  EXPECT_TRUE(result->reattestable);
  EXPECT_EQ(result->bundle.trust_domain(), "example.org");
  EXPECT_EQ(server.seen(), std::vector<std::string>{""});
}

TEST_F(ServerClientTest, AServerThatIsNotOursIsNotSpokenTo) {
  server.certificate = issue("spiffe://example.org/somebody");
  const auto failure = client->bundle().status();
  EXPECT_EQ(failure.code(), Code::kUnavailable);
  EXPECT_NE(failure.message().find("spiffe://example.org/somebody"), std::string::npos);
}

}  // namespace
}  // namespace signet::agent::test
