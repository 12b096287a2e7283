// Calls: unary, streams both ways, errors with details, limits, deadlines, cancels, shutdown.
#include "stream.h"

#include <fstream>

#include "rpc_fixture.h"
#include "status_details.h"

namespace signet::test {
namespace {

class RpcStream : public TransportTest {};

Status failing(std::string message) { return Status::permission_denied(std::move(message)); }

TEST_P(RpcStream, UnaryOnAWorkerAndInline) {
  auto l = listen();
  for (const auto& [method, flags] :
       {std::pair{"/t.T/Worker", 0u}, std::pair{"/t.T/Inline", SIGNET_RPC_INLINE}}) {
    ASSERT_TRUE(
        (l->unary<Raw, Raw>(
             method,
             [](ServerCall&, const Raw& r) -> Result<Raw> { return Raw{"echo " + r.bytes}; },
             flags))
            .ok());
  }
  ASSERT_TRUE(l->serve().ok());
  auto c = connect();
  for (const char* method : {"/t.T/Worker", "/t.T/Inline"}) {
    for (const std::string& text : {std::string(), std::string("x"), std::string(3'000'000, 'y')}) {
      const auto answer = c->call<Raw>(method, Raw{text}, soon());
      ASSERT_TRUE(answer.ok()) << answer.status().to_string();
      EXPECT_EQ(answer->bytes, "echo " + text);
    }
  }
}

TEST_P(RpcStream, ErrorsCarryCodeWordsAndDetail) {
  auto l = listen();
  ASSERT_TRUE((l->unary<Raw, Raw>("/t.T/Fail", [](ServerCall&, const Raw&) -> Result<Raw> {
                return failing("no: \xc3\xa4 100%")
                    .with_detail({"type.googleapis.com/a.B", std::string("\0\1\2", 3)});
              })).ok());
  l->authorize([](ServerCall& call) {
    return call.metadata("token").size() == 1 ? Status() : Status::unauthenticated("who are you");
  });
  ASSERT_TRUE(l->serve().ok());
  auto c = connect();
  const auto denied = c->call<Raw>("/t.T/Fail", Raw{}, soon());
  EXPECT_EQ(denied.status().to_string(), "UNAUTHENTICATED: who are you");
  const auto failed = c->call<Raw>("/t.T/Fail", Raw{}, soon(), {{"token", "t"}});
  EXPECT_EQ(failed.status().to_string(), "PERMISSION_DENIED: no: \xc3\xa4 100%");
  ASSERT_TRUE(failed.status().detail());
  EXPECT_EQ(failed.status().detail()->type_url, "type.googleapis.com/a.B");
  EXPECT_EQ(failed.status().detail()->value, std::string("\0\1\2", 3));
}

TEST_P(RpcStream, UnknownMethodsAreNamedAsGoDoes) {
  auto l = listen();
  ASSERT_TRUE((l->unary<Raw, Raw>("/t.T/A", [](ServerCall&, const Raw&) -> Result<Raw> {
                return Raw{};
              })).ok());
  ASSERT_TRUE(l->serve().ok());
  auto c = connect();
  EXPECT_EQ(c->call<Raw>("/t.T/B", Raw{}, soon()).status().to_string(),
            "UNIMPLEMENTED: unknown method B for service t.T");
  EXPECT_EQ(c->call<Raw>("/x.Y/B", Raw{}, soon()).status().to_string(),
            "UNIMPLEMENTED: unknown service x.Y");
}

TEST_P(RpcStream, AServerStreamKeepsItsOrder) {
  auto l = listen();
  ASSERT_TRUE(
      (l->stream<Raw>("/t.T/Count", [](const std::shared_ptr<ServerCall>& call, const Raw&) {
        for (int i = 0; i < 500; ++i) EXPECT_TRUE(call->send_message(Raw{std::to_string(i)}).ok());
        call->finish_message(Raw{"last"});
      })).ok());
  ASSERT_TRUE(l->serve().ok());
  auto c = connect();
  auto call = c->open("/t.T/Count", Raw{}, soon());
  ASSERT_TRUE(call.ok());
  for (int i = 0; i < 500; ++i) {
    auto m = (*call)->read<Raw>();
    ASSERT_TRUE(m.ok() && *m) << m.status().to_string();
    ASSERT_EQ((*m)->bytes, std::to_string(i));
  }
  EXPECT_EQ((**(*call)->read<Raw>()).bytes, "last");
  EXPECT_FALSE((*call)->read<Raw>().value());
  EXPECT_TRUE((*call)->finish().ok());
}

// A client's stream of many through the C table: the C++ layer's client closes after the first.
struct ManyState {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::string> got;
  int done = 0;
  signet_status code = -2;
  std::string message;
};
const signet_rpc_handler kManyClient = {
    sizeof kManyClient,
    SIGNET_RPC_CLIENT_STREAM | SIGNET_RPC_SERVER_STREAM,
    nullptr,
    [](void* st, signet_rpc_stream*, signet_bytes b) {
      auto& s = *static_cast<ManyState*>(st);
      std::lock_guard lock(s.mutex);
      s.got.emplace_back(view(b));
      s.changed.notify_all();
    },
    nullptr,
    nullptr,
    [](void* st, signet_rpc_stream*, signet_status code, signet_str message, signet_bytes) {
      auto& s = *static_cast<ManyState*>(st);
      std::lock_guard lock(s.mutex);
      s.code = code;
      s.message = view(message);
      ++s.done;
      s.changed.notify_all();
    }};

class RpcRaw : public TransportTest {
 protected:
  RpcRaw() : api_(rpc_grpc::rpc_table()) {}
  ~RpcRaw() override {
    if (conn_) api_->hang_up(conn_);
  }
  signet_rpc_stream* call(const char* method, int64_t deadline = INT64_MAX) {
    if (!conn_) {
      const std::string to = address();
      EXPECT_EQ(
          api_->connect(host_.abi(), to_abi(to), bytes_to_abi(std::string_view(connect_options())),
                        acceptor() ? RpcAcceptor::table() : nullptr, acceptor(), &conn_),
          SIGNET_OK);
    }
    signet_rpc_stream* s = nullptr;
    EXPECT_EQ(api_->call(conn_, to_abi(std::string_view(method)), deadline, nullptr, 0,
                         &kManyClient, &state_, nullptr, &s),
              SIGNET_OK);
    return s;
  }
  void write(signet_rpc_stream* s, const std::string& text) {
    EXPECT_EQ(api_->write(s, host_.blob(text).release()), SIGNET_OK);
  }
  template <typename F>
  bool wait(F&& f) {
    std::unique_lock lock(state_.mutex);
    return state_.changed.wait_for(lock, patience(), f);
  }
  const signet_host_rpc* api_;
  signet_rpc_conn* conn_ = nullptr;
  ManyState state_;
};

TEST_P(RpcRaw, BothSidesStreamAndHalfClose) {
  auto l = listen();
  ASSERT_TRUE(l->handle(
                   "/t.T/Sum",
                   [](const std::shared_ptr<ServerCall>& call, std::string_view first) {
                     auto sum = std::make_shared<int>(std::stoi(std::string(first)));
                     call->on_message = [c = call.get(), sum](std::string_view m) {
                       *sum += std::stoi(std::string(m));
                       EXPECT_TRUE(c->send_message(Raw{std::to_string(*sum)}).ok());
                       c->read();
                     };
                     call->on_half_close = [c = call.get(), sum] {
                       c->finish_message(Raw{"total " + std::to_string(*sum)});
                     };
                     call->read();
                   },
                   SIGNET_RPC_CLIENT_STREAM | SIGNET_RPC_SERVER_STREAM)
                  .ok());
  ASSERT_TRUE(l->serve().ok());
  signet_rpc_stream* s = call("/t.T/Sum");
  for (int i = 0; i < 8; ++i) api_->read(s);
  for (int i = 1; i <= 4; ++i) write(s, std::to_string(i));
  ASSERT_TRUE(wait([&] { return state_.got.size() == 3; }));
  api_->half_close(s);
  ASSERT_TRUE(wait([&] { return state_.done == 1; }));
  EXPECT_EQ(state_.got, (std::vector<std::string>{"3", "6", "10", "total 10"}));
  EXPECT_EQ(state_.code, SIGNET_OK);
}

TEST_P(RpcRaw, NoMessageComesWithoutACredit) {
  auto l = listen();
  ASSERT_TRUE((l->stream<Raw>("/t.T/Three", [](const std::shared_ptr<ServerCall>& c, const Raw&) {
                for (int i = 0; i < 3; ++i)
                  EXPECT_TRUE(c->send_message(Raw{std::to_string(i)}).ok());
              })).ok());
  ASSERT_TRUE(l->serve().ok());
  signet_rpc_stream* s = call("/t.T/Three");
  write(s, "go");
  api_->read(s);
  ASSERT_TRUE(wait([&] { return state_.got.size() == 1; }));
  std::this_thread::sleep_for(100ms);
  EXPECT_EQ(state_.got.size(), 1u);
  api_->read(s);
  api_->read(s);
  ASSERT_TRUE(wait([&] { return state_.got.size() == 3; }));
  api_->cancel(s);
  ASSERT_TRUE(wait([&] { return state_.done == 1; }));
  EXPECT_EQ(state_.code, SIGNET_CANCELLED);
}

TEST_P(RpcRaw, ACancelReachesTheServersHandler) {
  auto l = listen();
  std::atomic<int> begun{0};
  std::atomic<int> ended{0};
  ASSERT_TRUE((l->stream<Raw>("/t.T/Wait", [&](const std::shared_ptr<ServerCall>& c, const Raw&) {
                c->on_done = [&] { ++ended; };
                ++begun;
              })).ok());
  ASSERT_TRUE(l->serve().ok());
  signet_rpc_stream* s = call("/t.T/Wait");
  write(s, "go");
  ASSERT_TRUE(eventually([&] { return begun == 1; }));
  EXPECT_EQ(ended, 0);
  api_->cancel(s);
  EXPECT_TRUE(eventually([&] { return ended == 1; }));
  ASSERT_TRUE(wait([&] { return state_.done == 1; }));
}

TEST_P(RpcRaw, HangUpCancelsOpenCallsAndWaitsForTheirEnd) {
  auto l = listen();
  ASSERT_TRUE(
      (l->stream<Raw>("/t.T/Wait", [](const std::shared_ptr<ServerCall>&, const Raw&) {})).ok());
  ASSERT_TRUE(l->serve().ok());
  for (int i = 0; i < 3; ++i) write(call("/t.T/Wait"), "go");
  api_->hang_up(std::exchange(conn_, nullptr));
  EXPECT_EQ(state_.done, 3);
}

TEST_P(RpcStream, TheDeadlineEndsACallOnBothSides) {
  auto l = listen();
  std::atomic<int> ended{0};
  std::atomic<int64_t> left{0};
  ASSERT_TRUE((l->stream<Raw>("/t.T/Wait", [&](const std::shared_ptr<ServerCall>& c, const Raw&) {
                left = c->deadline_ns() - c->host().monotonic_ns();
                c->on_done = [&] { ++ended; };
              })).ok());
  ASSERT_TRUE(l->serve().ok());
  auto c = connect();
  EXPECT_FALSE(c->call<Raw>("/t.T/No", Raw{}, soon()).ok());  // it is connected now
  // Until one is long enough for a busy server to begin.
  std::chrono::nanoseconds time = 100ms;
  for (int i = 0; i < 4 && left == 0; ++i) {
    time *= 3;
    const auto answer = c->call<Raw>("/t.T/Wait", Raw{}, host_.deadline_in(time));
    EXPECT_EQ(answer.status().code(), Code::kDeadlineExceeded);
  }
  EXPECT_TRUE(eventually([&] { return ended == 1; }));
  EXPECT_GT(left, 0);
  EXPECT_LE(left, (time + time / 15).count()) << "gRPC rounds a time-out up";
}

TEST_P(RpcStream, AMessageOverTheLimitIsRefused) {
  auto l = listen();
  std::atomic<int> handled{0};
  ASSERT_TRUE((l->unary<Raw, Raw>("/t.T/Big", [&](ServerCall&, const Raw&) -> Result<Raw> {
                ++handled;
                return Raw{};
              })).ok());
  ASSERT_TRUE(l->serve().ok());
  auto c = connect();
  const auto answer = c->call<Raw>("/t.T/Big", Raw{std::string(4 * 1024 * 1024 + 1, 'x')}, soon());
  EXPECT_EQ(answer.status().code(), Code::kResourceExhausted) << answer.status().to_string();
  EXPECT_EQ(handled, 0);
  EXPECT_TRUE(c->call<Raw>("/t.T/Big", Raw{std::string(4 * 1024 * 1024 - 100, 'x')}, soon()).ok());
}

TEST_P(RpcRaw, ASlowReaderCostsNoMoreThanTheHighMark) {
  // More than the kernel's buffers and the window that gRPC's client opens take at their widest.
  constexpr int kMessages = 400;
  auto l = listen();
  std::atomic<int> sent{0};
  std::atomic<int> writable{0};
  std::atomic<bool> refused{false};
  ASSERT_TRUE((l->stream<Raw>("/t.T/Flood", [&](const std::shared_ptr<ServerCall>& c, const Raw&) {
                const auto pour = [&, c = c.get()] {
                  while (sent < kMessages) {
                    const Status s = c->send_message(Raw{std::string(100'000, 'z')});
                    if (!s.ok()) {
                      EXPECT_EQ(s.code(), Code::kResourceExhausted);
                      refused = true;
                      return;
                    }
                    ++sent;
                  }
                  c->finish(Status());
                };
                c->on_writable = [&, pour] {
                  ++writable;
                  pour();
                };
                pour();
              })).ok());
  ASSERT_TRUE(l->serve().ok());
  const int64_t blobs = TestHost::live_blobs();
  signet_rpc_stream* s = call("/t.T/Flood");
  write(s, "go");
  ASSERT_TRUE(eventually([&] { return refused.load(); }));
  std::this_thread::sleep_for(200ms);
  EXPECT_LT(sent, kMessages) << "the queue's mark and what HTTP/2 let through";
  EXPECT_LE(TestHost::live_blobs() - blobs, 24);
  for (int i = 0; i <= kMessages; ++i) api_->read(s);
  ASSERT_TRUE(wait([&] { return state_.done == 1; })) << sent;
  EXPECT_EQ(state_.got.size(), std::size_t{kMessages});
  EXPECT_GT(writable, 0);
}

TEST_P(RpcStream, SecretAnswersAreWipedOnceSent) {
  auto l = listen();
  ASSERT_TRUE((l->stream<Raw>("/t.T/Key", [](const std::shared_ptr<ServerCall>& c, const Raw&) {
                c->finish_message(Raw{std::string(2000, 'k')}, /*secret=*/true);
              })).ok());
  ASSERT_TRUE(l->serve().ok());
  const int64_t wiped = TestHost::wiped_blobs();
  auto c = connect();
  ASSERT_TRUE(c->call<Raw>("/t.T/Key", Raw{}, soon()).ok());
  EXPECT_TRUE(eventually([&] { return TestHost::wiped_blobs() == wiped + 1; }));
}

TEST_P(RpcStream, ClosingWaitsForCallsThenCancelsThem) {
  auto l = listen();
  std::atomic<int> ended{0};
  std::atomic<int> begun{0};
  ASSERT_TRUE((l->stream<Raw>("/t.T/Wait", [&](const std::shared_ptr<ServerCall>& c, const Raw&) {
                c->on_done = [&] { ++ended; };
                ++begun;
              })).ok());
  ASSERT_TRUE((l->unary<Raw, Raw>("/t.T/Slow", [&](ServerCall&, const Raw&) -> Result<Raw> {
                ++begun;
                std::this_thread::sleep_for(150ms);
                return Raw{"finished"};
              })).ok());
  ASSERT_TRUE(l->serve().ok());
  auto c = connect();
  auto open = c->open("/t.T/Wait", Raw{}, INT64_MAX);
  ASSERT_TRUE(open.ok());
  ASSERT_TRUE(eventually([&] { return begun == 1; }));
  Result<Raw> slow = Status::internal("not run");
  std::thread caller([&] { slow = c->call<Raw>("/t.T/Slow", Raw{}, soon()); });
  EXPECT_TRUE(eventually([&] { return begun == 2; }));
  const auto before = std::chrono::steady_clock::now();
  EXPECT_TRUE(l->close(2s).ok());
  const auto took = std::chrono::steady_clock::now() - before;
  EXPECT_EQ(ended, 1) << "no callback runs after close()";
  EXPECT_GE(took, 1900ms);
  EXPECT_LT(took, patience());
  caller.join();
  EXPECT_TRUE(slow.ok()) << slow.status().to_string();
  EXPECT_FALSE((*open)->finish().ok());
}

TEST_P(RpcStream, EachCallIsLoggedWithItsPeerAndAuditFields) {
  auto l = listen();
  ASSERT_TRUE((l->unary<Raw, Raw>("/t.T/Logged", [](ServerCall& c, const Raw&) -> Result<Raw> {
                c.audit("entry_id", "e-1");
                return Raw{};
              })).ok());
  ASSERT_TRUE(l->serve().ok());
  ASSERT_TRUE(connect()->call<Raw>("/t.T/Logged", Raw{}, soon()).ok());
  const std::string caller = GetParam() == Transport::kUnix
                                 ? "caller_pid=" + std::to_string(getpid())
                                 : "caller_addr=127.0.0.1:";
  EXPECT_TRUE(eventually([&] {
    for (const auto& line : test_host().log()) {
      if (line.find("method=/t.T/Logged status=OK") != line.npos &&
          line.find("entry_id=e-1") != line.npos && line.find(caller) != line.npos) {
        return true;
      }
    }
    return false;
  }));
}

TEST_P(RpcStream, CallersGoOnOverTheEndOfTheirConnectionsAge) {
  auto l = listen(R"({"max_connection_age_s":1})");
  ASSERT_TRUE((l->unary<Raw, Raw>("/t.T/Echo", [](ServerCall&, const Raw& r) -> Result<Raw> {
                return r;
              })).ok());
  ASSERT_TRUE(l->serve().ok());
  auto c = connect();
  int calls = 0;
  const auto end = std::chrono::steady_clock::now() + 2600ms;
  while (std::chrono::steady_clock::now() < end) {
    const auto answer = c->call<Raw>("/t.T/Echo", Raw{"x"}, soon());
    ASSERT_TRUE(answer.ok()) << answer.status().to_string() << " after " << calls;
    ++calls;
  }
  EXPECT_GT(calls, 1);
}

TEST_P(RpcStream, MessagesUpToFourMebibytesGoBothWays) {
  auto l = listen();
  ASSERT_TRUE((l->unary<Raw, Raw>("/t.T/Echo", [](ServerCall&, const Raw& r) -> Result<Raw> {
                return r;
              })).ok());
  ASSERT_TRUE((l->unary<Raw, Raw>("/t.T/Fill", [](ServerCall&, const Raw& r) -> Result<Raw> {
                return Raw{std::string(std::stoul(r.bytes), 'f')};
              })).ok());
  ASSERT_TRUE(l->serve().ok());
  constexpr std::size_t kMost = 4 * 1024 * 1024;
  auto c = connect();
  for (const std::size_t size : {kMost - 1, kMost}) {
    const auto answer = c->call<Raw>("/t.T/Echo", Raw{std::string(size, 'b')}, soon());
    ASSERT_TRUE(answer.ok()) << answer.status().to_string();
    EXPECT_EQ(answer->bytes.size(), size);
    EXPECT_EQ(answer->bytes.find_first_not_of('b'), std::string::npos);
  }
  EXPECT_EQ(c->call<Raw>("/t.T/Echo", Raw{std::string(kMost + 1, 'b')}, soon()).status().code(),
            Code::kResourceExhausted);
  EXPECT_EQ(c->call<Raw>("/t.T/Fill", Raw{std::to_string(kMost + 1)}, soon()).status().code(),
            Code::kResourceExhausted);
  EXPECT_TRUE(c->call<Raw>("/t.T/Echo", Raw{"x"}, soon()).ok());
}

TEST(RpcStatusDetails, SurviveTheirOwnEncodingAndRefuseNonsense) {
  using namespace rpc_grpc;
  const std::string any("\x0a\x01t\x12\x01v", 6);
  EXPECT_EQ(first_detail(encode_status_details(7, "words", any)), any);
  EXPECT_EQ(first_detail(encode_status_details(7, "", any)), any);
  EXPECT_EQ(first_detail(""), "");
  const std::string whole = encode_status_details(7, "words", any);
  for (std::size_t n = 0; n < whole.size(); ++n) EXPECT_EQ(first_detail(whole.substr(0, n)), "");
  EXPECT_EQ(first_detail(std::string(20, '\xff')), "");
}

INSTANTIATE_TEST_SUITE_P(Over, RpcStream, all_transports(), transport_name);
INSTANTIATE_TEST_SUITE_P(Over, RpcRaw, all_transports(), transport_name);

}  // namespace
}  // namespace signet::test
