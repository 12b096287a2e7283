// The parts of rpc.h that need no transport. Calls over a real one are rpc-grpc's tests.
#include "signet/rpc.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "signet/testing/fake_host.h"

namespace signet {
namespace {

TEST(RpcAny, ReadsBackWhatItWrote) {
  for (const std::size_t size : {0u, 1u, 127u, 128u, 16'384u, 300'000u}) {
    const ErrorDetail in{"type.googleapis.com/a.B", std::string(size, 'v')};
    const ErrorDetail out = decode_any(encode_any(in));
    EXPECT_EQ(out.type_url, in.type_url) << size;
    EXPECT_EQ(out.value, in.value) << size;
  }
}

TEST(RpcAny, WritesProtobufsOwnBytes) {
  EXPECT_EQ(encode_any({"ab", "c"}), std::string("\x0a\x02"
                                                 "ab"
                                                 "\x12\x01"
                                                 "c"));
}

TEST(RpcAny, GivesNothingForBytesThatAreNone) {
  const std::string whole = encode_any({"type", std::string(200, 'v')});
  for (std::size_t n = 1; n < whole.size(); ++n) {
    // A cut between the fields leaves a sound Any without a value.
    const ErrorDetail out = decode_any(whole.substr(0, n));
    EXPECT_TRUE(out.value.empty()) << n;
  }
  EXPECT_EQ(decode_any("").type_url, "");
  EXPECT_EQ(decode_any("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7f").type_url, "");
  EXPECT_EQ(decode_any("\x0a\xff\xff\xff\xff\x0f").type_url, "");
  EXPECT_EQ(decode_any(std::string(64, '\xff')).type_url, "");
}

class Doorman final : public RpcAcceptor {
 public:
  Result<RpcIdentity> identity() override {
    if (throws) throw std::runtime_error("identity threw");
    RpcIdentity identity;
    identity.chain = {"leaf", "ca"};
    identity.key_manager = "disk";
    identity.key_id = "k1";
    return identity;
  }
  Result<RpcVerdict> verify(const RpcPeer& peer) override {
    if (peer.chain_len == 0) return Status::unauthenticated("no certificate");
    return RpcVerdict{"spiffe://td/a", this};
  }
  void closed(const RpcPeer& peer) override { closed_user = peer.user; }

  bool throws = false;
  void* closed_user = nullptr;
};

TEST(RpcAcceptorTable, EmitsTheIdentity) {
  Doorman doorman;
  std::vector<std::string> chain;
  std::string key;
  fakes::FakeCall call([&](std::uint32_t kind, const void* msg, std::size_t size) {
    ASSERT_EQ(kind, SIGNET_RPC_KIND_IDENTITY);
    ASSERT_EQ(size, sizeof(signet_rpc_identity));
    const auto* identity = static_cast<const signet_rpc_identity*>(msg);
    for (std::size_t i = 0; i < identity->chain_len; ++i)
      chain.emplace_back(view(identity->chain[i]));
    key = std::string(view(identity->key_manager)) + "/" + std::string(view(identity->key_id));
    EXPECT_EQ(identity->key, nullptr);
  });
  EXPECT_EQ(RpcAcceptor::table()->identity(static_cast<RpcAcceptor*>(&doorman), call.abi()),
            SIGNET_OK);
  EXPECT_EQ(chain, (std::vector<std::string>{"leaf", "ca"}));
  EXPECT_EQ(key, "disk/k1");
}

TEST(RpcAcceptorTable, TurnsAnExceptionIntoAnError) {
  Doorman doorman;
  doorman.throws = true;
  fakes::FakeCall call;
  EXPECT_EQ(RpcAcceptor::table()->identity(static_cast<RpcAcceptor*>(&doorman), call.abi()),
            SIGNET_INTERNAL);
  EXPECT_EQ(call.message(), "identity threw");
}

TEST(RpcAcceptorTable, HandsOverTheVerdictAndTellsOfTheEnd) {
  Doorman doorman;
  auto* const self = static_cast<RpcAcceptor*>(&doorman);
  RpcPeer peer{};
  peer.struct_size = sizeof peer;
  fakes::FakeCall refused;
  EXPECT_EQ(RpcAcceptor::table()->verify(self, refused.abi(), &peer), SIGNET_UNAUTHENTICATED);
  EXPECT_EQ(refused.message(), "no certificate");

  const signet_bytes leaf = bytes_to_abi("der");
  peer.chain = &leaf;
  peer.chain_len = 1;
  std::string id;
  fakes::FakeCall accepted([&](std::uint32_t kind, const void* msg, std::size_t) {
    ASSERT_EQ(kind, SIGNET_RPC_KIND_PEER_ID);
    const auto* verdict = static_cast<const signet_rpc_peer_id*>(msg);
    id = view(verdict->id);
    peer.user = verdict->user;
  });
  EXPECT_EQ(RpcAcceptor::table()->verify(self, accepted.abi(), &peer), SIGNET_OK);
  EXPECT_EQ(id, "spiffe://td/a");
  RpcAcceptor::table()->closed(self, &peer);
  EXPECT_EQ(doorman.closed_user, &doorman);
}

TEST(Rpc, WithoutATransportIsUnavailable) {
  fakes::FakeHost fake;
  const Host host(fake.abi());
  EXPECT_EQ(RpcListener::create(host, "unix:/x", "{}", nullptr).status().code(),
            Code::kUnavailable);
  EXPECT_EQ(RpcConnection::create(host, "unix:/x", "{}", nullptr).status().code(),
            Code::kUnavailable);
}

}  // namespace
}  // namespace signet
