// Limits of a listener, over every transport. The clients are raw, so that nobody tries again.
#include "h2_wire.h"
#include "rpc_fixture.h"

namespace signet::test {
namespace {

using namespace h2;

class RpcLimits : public TransportTest {
 protected:
  std::unique_ptr<RpcListener> serve(const std::string& options = "{}") {
    auto l = listen(options);
    EXPECT_TRUE((l->unary<Raw, Raw>("/t.T/Echo", [](ServerCall&, const Raw& r) -> Result<Raw> {
                  return r;
                })).ok());
    EXPECT_TRUE((l->unary<Raw, Raw>("/t.T/Fill", [](ServerCall&, const Raw& r) -> Result<Raw> {
                  return Raw{std::string(std::stoul(r.bytes), 'f')};
                })).ok());
    EXPECT_TRUE((l->stream<Raw>("/t.T/Wait", [this](std::shared_ptr<ServerCall> c, const Raw&) {
                  c->on_done = [this] { ++ended_; };
                  std::lock_guard lock(mutex_);
                  waiting_.push_back(std::move(c));
                })).ok());
    EXPECT_TRUE(l->serve().ok());
    return l;
  }
  bool tls() const { return GetParam() == Transport::kTls; }
  std::size_t waiting() {
    std::lock_guard lock(mutex_);
    return waiting_.size();
  }
  std::shared_ptr<ServerCall> first_waiting() {
    std::lock_guard lock(mutex_);
    return waiting_.empty() ? nullptr : waiting_.front();
  }
  /// Whether a newcomer is answered.
  bool serves() {
    Socket s(address(), tls());
    return s.connected() && s.send(preface()) && call(s, 1, "/t.T/Echo", "x").message == "x";
  }

  std::mutex mutex_;
  std::vector<std::shared_ptr<ServerCall>> waiting_;
  std::atomic<int> ended_{0};
};

TEST_P(RpcLimits, ConnectionsOverTheLimitAreClosedUntilOneLeaves) {
  // One user may have half of a Unix socket's.
  auto l = serve(GetParam() == Transport::kUnix ? R"({"max_connections":4})"
                                                : R"({"max_connections":2})");
  auto first = std::make_unique<Socket>(address(), tls());
  Socket second(address(), tls());
  EXPECT_EQ(first->next(kSettings).type, kSettings);
  EXPECT_EQ(second.next(kSettings).type, kSettings);
  EXPECT_FALSE(serves());
  EXPECT_TRUE(logged("Connection refused reason=too many connections"));
  first.reset();
  EXPECT_TRUE(eventually([&] { return serves(); }));
}

TEST_P(RpcLimits, ConnectionsPerAddressAreCounted) {
  auto l = serve(R"({"max_connections_per_ip":2})");
  auto first = std::make_unique<Socket>(address(), tls());
  Socket second(address(), tls());
  if (GetParam() == Transport::kUnix) {
    EXPECT_TRUE(serves()) << "a Unix socket has no addresses";
    return;
  }
  EXPECT_FALSE(serves());
  EXPECT_TRUE(logged("too many connections of this caller"));
  first.reset();
  EXPECT_TRUE(eventually([&] { return serves(); }));
}

TEST_P(RpcLimits, AnOldConnectionIsToldToLeaveAndItsCallsEndWell) {
  auto l = serve(R"({"max_connection_age_s":1})");
  Socket s(address(), tls());
  ASSERT_TRUE(
      s.send(open_preface() + request(1, "/t.T/Wait") + frame(kData, kEndStream, 1, message(""))));
  EXPECT_EQ(s.next(kGoAway).body, u32(0x7fffffff) + u32(0)) << "a notice that refuses nothing";
  EXPECT_EQ(call(s, 3, "/t.T/Echo", "late").message, "late");
  EXPECT_EQ(s.next(kGoAway).body, u32(3) + u32(0));
  ASSERT_TRUE(eventually([&] { return waiting() == 1; }));
  first_waiting()->finish_message(Raw{"done"});
  EXPECT_EQ(s.next(kData).body, message("done"));
  EXPECT_EQ(decoded(s.next(kHeaders).body), "grpc-status=0\n");
  EXPECT_TRUE(s.at_end());
  EXPECT_TRUE(serves());
}

TEST_P(RpcLimits, ManyBigAnswersAtOnceArriveWhole) {
  auto l = serve();
  Socket s(address(), tls());
  ASSERT_TRUE(s.send(open_preface()));
  constexpr uint32_t kCalls = 8;
  for (uint32_t i = 0; i < kCalls; ++i) {
    ASSERT_TRUE(s.send(request(2 * i + 1, "/t.T/Fill") +
                       frame(kData, kEndStream, 2 * i + 1, message("1000000"))));
  }
  std::map<uint32_t, std::size_t> got;
  for (uint32_t ended = 0; ended < kCalls;) {
    const Frame f = s.next();
    ASSERT_NE(f.type, -1);
    if (f.type == kData) got[f.stream] += f.body.size();
    ended += f.type == kHeaders && (f.flags & kEndStream);
  }
  for (uint32_t i = 0; i < kCalls; ++i) EXPECT_EQ(got[2 * i + 1], 1'000'005u);
}

TEST_P(RpcLimits, ACallerThatNeverReadsHoldsUpNobody) {
  auto l = serve(R"({"max_streams":50})");
  {
    Socket greedy(address(), tls());
    ASSERT_TRUE(greedy.send(open_preface()));
    for (uint32_t i = 0; i < 40; ++i) {
      greedy.send(request(2 * i + 1, "/t.T/Fill") +
                  frame(kData, kEndStream, 2 * i + 1, message("1000000")));
    }
    greedy.send(request(99, "/t.T/Wait") + frame(kData, 0, 99, message("")));
    ASSERT_TRUE(eventually([&] { return waiting() == 1; }));
    for (int i = 0; i < 5; ++i) EXPECT_TRUE(serves());
    EXPECT_EQ(ended_, 0);
  }
  EXPECT_TRUE(eventually([&] { return ended_ == 1; })) << "the call ends with its caller";
  EXPECT_TRUE(eventually([] { return TestHost::live_blobs() == 0; }));
}

TEST_P(RpcLimits, AnIpv6ListenerKnowsItsCallers) {
  if (GetParam() == Transport::kUnix) GTEST_SKIP() << "not on a Unix socket";
  auto made = RpcListener::create(host_, "tcp:[::1]:0", tls() ? R"({"tls":true})" : "{}",
                                  tls() ? &server_ : nullptr);
  if (!made.ok()) GTEST_SKIP() << "no IPv6 here: " << made.status().to_string();
  auto& l = *made;
  ASSERT_TRUE((l->unary<Raw, Raw>("/t.T/Who", [](ServerCall& c, const Raw&) -> Result<Raw> {
                return Raw{std::string(view(c.peer().address))};
              })).ok());
  ASSERT_TRUE(l->serve().ok());
  EXPECT_TRUE(l->address().starts_with("tcp:[::1]:")) << l->address();
  Socket s(l->address(), tls());
  ASSERT_TRUE(s.send(preface()));
  EXPECT_TRUE(call(s, 1, "/t.T/Who", "").message.starts_with("[::1]:"));
}

// As Go's programs listen: "0.0.0.0" in a file of SPIRE's serves callers of both families.
TEST_P(RpcLimits, AllAddressesAreThoseOfBothFamilies) {
  if (GetParam() == Transport::kUnix) GTEST_SKIP() << "not on a Unix socket";
  if (!RpcListener::create(host_, "tcp:[::1]:0", "{}", nullptr).ok()) GTEST_SKIP() << "no IPv6";
  for (const char* all : {"tcp:0.0.0.0:0", "tcp:[::]:0"}) {
    auto made = RpcListener::create(host_, all, tls() ? R"({"tls":true})" : "{}",
                                    tls() ? &server_ : nullptr);
    ASSERT_TRUE(made.ok()) << made.status().to_string();
    auto& l = *made;
    ASSERT_TRUE((l->unary<Raw, Raw>("/t.T/Who", [](ServerCall& c, const Raw&) -> Result<Raw> {
                  return Raw{std::string(view(c.peer().address))};
                })).ok());
    ASSERT_TRUE(l->serve().ok());
    const std::string port = l->address().substr(l->address().rfind(':'));
    for (const std::string from : {"127.0.0.1", "[::1]"}) {
      Socket s("tcp:" + from + port, tls());
      ASSERT_TRUE(s.send(preface())) << all << " " << from;
      EXPECT_TRUE(call(s, 1, "/t.T/Who", "").message.starts_with(from + ":")) << all;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Over, RpcLimits, all_transports(), transport_name);

}  // namespace
}  // namespace signet::test
