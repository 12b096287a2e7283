// Our own HTTP/2 server against bytes that no proper client sends, and gRPC's rules on the wire.
#include "h2_connection.h"
#include "h2_request.h"
#include "h2_wire.h"
#include "rpc_fixture.h"

namespace signet::test {
namespace {

using namespace h2;

class RpcH2 : public TransportTest {
 protected:
  RpcH2() {
    listener_ = listen(R"({"max_streams":8})");
    EXPECT_TRUE(
        (listener_->unary<Raw, Raw>("/t.T/Echo", [](ServerCall&, const Raw& r) -> Result<Raw> {
          return r;
        })).ok());
    EXPECT_TRUE((listener_->stream<Raw>("/t.T/Wait", [this](const std::shared_ptr<ServerCall>& c,
                                                            const Raw& r) {
                  ++begun_;
                  c->on_done = [this] { ++ended_; };
                  if (!r.bytes.empty()) {
                    EXPECT_TRUE(c->send_message(Raw{r.bytes}).ok());
                  }
                  if (r.bytes.size() > 1) c->finish(Status());
                })).ok());
    EXPECT_TRUE(listener_->serve().ok());
  }
  ~RpcH2() override { listener_->close(1s).ok(); }

  bool tls() const { return GetParam() == Transport::kTls; }
  /// The header fields of what the server answers to this request.
  std::string answer_to(const std::string& bytes) {
    Socket s(address(), tls());
    EXPECT_TRUE(s.send(preface() + bytes));
    return decoded(s.next(kHeaders).body);
  }
  bool still_serves() {
    Socket s(address(), tls());
    return s.send(preface()) && call(s, 1, "/t.T/Echo", "x").message == "x";
  }

  std::unique_ptr<RpcListener> listener_;
  std::atomic<int> begun_{0};
  std::atomic<int> ended_{0};
};

TEST_P(RpcH2, ABadPrefaceEndsTheConnectionAndIsNamed) {
  Socket s(address(), tls());
  ASSERT_TRUE(s.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
  EXPECT_TRUE(s.at_end());
  EXPECT_TRUE(logged("Connection closed reason=Received bad client magic"));
}

TEST_P(RpcH2, AFrameThatIsNoneEndsTheConnectionAndIsNamed) {
  Socket s(address(), tls());
  ASSERT_TRUE(s.send(preface() + std::string(64, '\xff')));
  EXPECT_TRUE(s.at_end());
  EXPECT_TRUE(logged("Connection closed reason=FRAME_SIZE_ERROR"));
}

TEST_P(RpcH2, AConnectionThatEndsInTheMiddleOfSomethingIsNamed) {
  const auto says = [&](std::string_view bytes) {
    Socket s(address(), tls());
    s.send(bytes);
    ::shutdown(s.raw().fd, SHUT_WR);
    s.at_end();  // what was unread at our end would make a reset of it
  };
  const auto lines = [&](std::string_view words) {
    const std::vector<std::string> log = test_host().log();
    return std::count_if(log.begin(), log.end(),
                         [&](const std::string& line) { return line.find(words) != line.npos; });
  };
  says(preface().substr(0, 10));
  EXPECT_TRUE(logged("Connection closed reason=it ended inside the HTTP/2 preface"));
  const std::string whole = preface() + frame(kPing, 0, 0, std::string(8, 'p'));
  for (const std::size_t missing : {1, 8, 9, 16}) {  // of the payload; of the head
    says(whole.substr(0, whole.size() - missing));
    EXPECT_TRUE(eventually([&] { return lines("it ended inside a frame") == 1; })) << missing;
    test_host().forget_log();
  }
  says(whole);
  says("");
  says(preface() + frame(kGoAway, 0, 0, u32(1) + u32(0)));  // as Go's clients leave
  EXPECT_TRUE(still_serves());
  listener_->close(1s).ok();
  EXPECT_EQ(lines("it ended inside"), 0) << "nothing was cut off";
  EXPECT_EQ(lines("Connection closed"), 0) << "nor was anything else wrong";
}

TEST_P(RpcH2, TheLogSaysWhyACallFailed) {
  answer_to(request(1, "/t.T/Echo") + frame(kData, kEndStream, 1, message("x", 2)));
  EXPECT_TRUE(logged("status=INTERNAL"));
  EXPECT_TRUE(logged("error=malformed message prefix"));
  {
    Socket s(address(), tls());
    ASSERT_TRUE(s.send(preface_with_window(0) + request(1, "/t.T/Wait") +
                       frame(kData, 0, 1, message("y"))));
    ASSERT_TRUE(eventually([&] { return begun_ == 1; }));
    s.next(kHeaders);  // the answer has been queued behind them
  }
  EXPECT_TRUE(logged("error=the caller left 1 answers unread"));
}

TEST_P(RpcH2, AConnectionThatSaysNothingIsClosedInTime) {
  const int64_t before = std::exchange(rpc_grpc::h2_preface_timeout_ns, 100'000'000);
  Socket silent(address(), tls());
  Socket half(address(), tls());
  half.send("PRI * HTTP/2.0\r\n");  // if it was not too late for that
  EXPECT_TRUE(silent.at_end());
  EXPECT_TRUE(half.at_end());
  EXPECT_TRUE(logged("no HTTP/2 preface in time"));
  rpc_grpc::h2_preface_timeout_ns = before;
}

TEST_P(RpcH2, OnlyGrpcIsAnswered) {
  EXPECT_NE(answer_to(request(1, "/t.T/Echo", {}, kEndStream, "GET")).find(":status=405"),
            std::string::npos);
  EXPECT_NE(answer_to(request(1, "/t.T/Echo", {}, 0, "POST", "text/plain")).find(":status=415"),
            std::string::npos);
  EXPECT_NE(answer_to(request(1, "/t.T/No", {}, kEndStream))
                .find("grpc-status=12\ngrpc-message=unknown method No for service t.T"),
            std::string::npos);
  EXPECT_TRUE(logged("Call refused method=/t.T/No status=UNIMPLEMENTED reason=unknown method No"));
  Socket s(address(), tls());
  ASSERT_TRUE(s.send(preface() + request(1, "nonsense", {}, kEndStream)));
  EXPECT_EQ(s.next(kReset).body, u32(1)) << "PROTOCOL_ERROR";
}

// Java's gRPC names the socket's path, which is no host; whoever it says that we are, we are.
TEST_P(RpcH2, AnyAuthorityOrNoneIsFine) {
  for (const Fields& authority : {Fields{},
                                  {{":authority", "/run/spire/agent.sock"}},
                                  {{":authority", "%2Frun%2Fagent.sock"}},
                                  {{":authority", ""}}}) {
    Fields head = {{":method", "POST"}, {":scheme", "http"}, {":path", "/t.T/No"}};
    head.insert(head.end(), authority.begin(), authority.end());
    head.insert(head.end(), {{"te", "trailers"}, {"content-type", "application/grpc"}});
    EXPECT_NE(answer_to(frame(kHeaders, kEndHeaders | kEndStream, 1, fields(head)))
                  .find("grpc-status=12"),
              std::string::npos);
  }
}

// RFC 9113 8.1.1: a stream error, whatever is wrong with the head.
TEST_P(RpcH2, AMalformedRequestIsReset) {
  const Fields good = {{":method", "POST"},  {":scheme", "http"},
                       {":path", "/t.T/No"}, {":authority", "x"},
                       {"te", "trailers"},   {"content-type", "application/grpc"}};
  const auto changed = [&](std::size_t at, const std::string& name, const std::string& value) {
    Fields out = good;
    out[at] = {name, value};
    return out;
  };
  const auto more = [&](const std::string& name, const std::string& value) {
    Fields out = good;
    out.emplace_back(name, value);
    return out;
  };
  const std::vector<Fields> bad = {
      {good.begin() + 1, good.end()},
      {good.begin(), good.begin() + 2},
      changed(1, "x", "http"),
      changed(2, ":path", ""),
      changed(2, ":path", "t.T/No"),
      changed(3, ":method", "POST"),
      changed(3, ":status", "200"),
      changed(3, ":protocol", "websocket"),
      changed(3, ":authority", "a\nb"),
      more(":authority", "late"),
      more("Upper", "case"),
      more("", "no name"),
      more("sp ace", "x"),
      more(std::string("n\0l", 3), "x"),
      more("nul", std::string("a\0b", 3)),
      more("line", "a\r\nb"),
      more("connection", "close"),
      more("transfer-encoding", "chunked"),
      more("te", "gzip"),
  };
  for (const Fields& head : bad) {
    Socket s(address(), tls());
    ASSERT_TRUE(s.send(preface() + frame(kHeaders, kEndHeaders, 1, fields(head)) +
                       frame(kData, kEndStream, 1, message("x"))));
    EXPECT_EQ(s.next(kReset).body, u32(1))
        << "PROTOCOL_ERROR for the one with " << head.back().first << ' ' << head[1].first;
  }
  EXPECT_TRUE(logged("Call refused reason=malformed request"));
  EXPECT_TRUE(still_serves());
  EXPECT_EQ(begun_, 0);
}

TEST_P(RpcH2, HeadersOverTheLimitAreRefused) {
  Fields many;  // each counts with 32 bytes more, as RFC 9113 has it
  for (int i = 0; i < 350; ++i) many.emplace_back("k" + std::to_string(i), "v");
  const std::string data = frame(kData, kEndStream, 1, message("x"));
  EXPECT_NE(answer_to(request(1, "/t.T/Echo", many) + data).find(":status=200"), std::string::npos);
  for (int i = 0; i < 150; ++i) many.emplace_back("l" + std::to_string(i), "v");
  EXPECT_NE(answer_to(request(1, "/t.T/Wait", many) + data).find("grpc-status=8"),
            std::string::npos);
  EXPECT_EQ(begun_, 0);
}

TEST_P(RpcH2, CompressionIsUnimplementedAndBrokenFramingInternal) {
  const auto with = [&](const std::string& data, const Fields& more = {}, char flags = 0) {
    return answer_to(request(1, "/t.T/Echo", more) + frame(kData, flags, 1, data));
  };
  EXPECT_NE(with(message("x", 1), {{"grpc-encoding", "gzip"}}).find("grpc-status=12"),
            std::string::npos);
  EXPECT_NE(with(message("x", 1)).find("grpc-status=13"), std::string::npos);
  EXPECT_NE(with(message("x", 2)).find("grpc-status=13"), std::string::npos);
  EXPECT_NE(with(message("xyz").substr(0, 6), {}, kEndStream).find("grpc-status=13"),
            std::string::npos);
  EXPECT_NE(with(std::string("\0\x7f\xff\xff\xff", 5) + "abc").find("grpc-status=8"),
            std::string::npos);
}

TEST_P(RpcH2, AMessageMayComeByteByByte) {
  Socket s(address(), tls());
  ASSERT_TRUE(s.send(preface() + request(1, "/t.T/Echo")));
  const std::string m = message("hello");
  for (const char c : m) ASSERT_TRUE(s.send(frame(kData, 0, 1, std::string(1, c))));
  EXPECT_EQ(s.next(kData).body, m);
  const std::string trailers = decoded(s.next(kHeaders).body);
  EXPECT_EQ(trailers, "grpc-status=0\n");
  const Frame reset = s.next(kReset);
  EXPECT_EQ(reset.body, u32(0)) << "NO_ERROR: the answer is complete, the request was not ended";
}

TEST_P(RpcH2, AResetInTheMiddleOfAMessageEndsTheCall) {
  Socket s(address(), tls());
  ASSERT_TRUE(s.send(preface() + request(1, "/t.T/Wait") + frame(kData, 0, 1, message(""))));
  ASSERT_TRUE(eventually([&] { return begun_ == 1; }));
  ASSERT_TRUE(
      s.send(frame(kData, 0, 1, message("abcdef").substr(0, 7)) + frame(kReset, 0, 1, u32(8))));
  EXPECT_TRUE(eventually([&] { return ended_ == 1; }));
}

TEST_P(RpcH2, ADeadlineEndsACallInWordsOrByReset) {
  const std::string words = answer_to(request(1, "/t.T/Wait", {{"grpc-timeout", "1S"}}) +
                                      frame(kData, kEndStream, 1, message("")));
  EXPECT_NE(words.find("grpc-status=4\n"), std::string::npos) << words;
  EXPECT_TRUE(eventually([&] { return ended_ == 1; }));
  // No window for the answer: it stays half out, and only a reset can end it.
  Socket s(address(), tls());
  ASSERT_TRUE(s.send(preface_with_window(3) +
                     request(1, "/t.T/Wait", {{"grpc-timeout", "1000000u"}}) +
                     frame(kData, kEndStream, 1, message("y"))));
  EXPECT_EQ(s.next(kReset).body, u32(8)) << "CANCEL";
  EXPECT_TRUE(eventually([&] { return ended_ == 2; }));
}

TEST_P(RpcH2, AnExhaustedWindowHoldsTheAnswerBackUntilItOpens) {
  Socket s(address(), tls());
  ASSERT_TRUE(s.send(preface_with_window(3) + request(1, "/t.T/Wait") +
                     frame(kData, kEndStream, 1, message("abcdef"))));
  EXPECT_EQ(s.next(kData).body.size(), 3u);
  ASSERT_TRUE(s.send(frame(kWindowUpdate, 0, 1, u32(100))));
  EXPECT_EQ(s.next(kData).body.size(), message("abcdef").size() - 3);
  EXPECT_EQ(decoded(s.next(kHeaders).body), "grpc-status=0\n");
}

TEST_P(RpcH2, ALateReaderOfWhatIsCurrentMissesWhatWasMeanwhile) {
  listener_->close(0s).ok();
  auto l = listen();
  std::shared_ptr<ServerCall> call;
  std::atomic<int> state{0};
  std::atomic<bool> ready{false};
  const auto send = [&] { return call->send_message(Raw{std::to_string(state)}); };
  ASSERT_TRUE((l->handle(
                   "/t.T/Latest",
                   [&](const std::shared_ptr<ServerCall>& c, std::string_view) {
                     call = c;
                     c->on_writable = [&] { EXPECT_TRUE(send().ok()); };
                     EXPECT_TRUE(send().ok());
                     ready = true;
                   },
                   SIGNET_RPC_SERVER_STREAM | SIGNET_RPC_LATEST))
                  .ok());
  ASSERT_TRUE(l->serve().ok());
  Socket s(address(), tls());
  ASSERT_TRUE(s.send(preface_with_window(0) + request(1, "/t.T/Latest") +
                     frame(kData, kEndStream, 1, message("y"))));
  ASSERT_TRUE(eventually([&] { return ready.load(); }));
  for (int i = 1; i <= 3; ++i) {
    ++state;
    EXPECT_EQ(send().code(), Code::kResourceExhausted);
  }
  ASSERT_TRUE(s.send(frame(kWindowUpdate, 0, 1, u32(100))));
  EXPECT_EQ(s.next(kData).body, message("0"));
  EXPECT_EQ(s.next(kData).body, message("3"));
  call->finish(Status());
  EXPECT_EQ(decoded(s.next(kHeaders).body), "grpc-status=0\n");
  call.reset();
  l->close(1s).ok();
}

TEST_P(RpcH2, MessagesThatNeverEndHaveALimitPerConnection) {
  listener_->close(0s).ok();
  auto l = listen(R"({"max_message":4000,"max_streams":20})");
  ASSERT_TRUE((l->unary<Raw, Raw>("/t.T/Echo", [](ServerCall&, const Raw& r) -> Result<Raw> {
                return r;
              })).ok());
  ASSERT_TRUE(l->serve().ok());
  Socket s(address(), tls());
  ASSERT_TRUE(s.send(preface()));
  const std::string almost = message(std::string(4000, 'm')).substr(0, 4000);
  for (uint32_t i = 0; i < 9; ++i)
    ASSERT_TRUE(s.send(request(2 * i + 1, "/t.T/Echo") + frame(kData, 0, 2 * i + 1, almost)));
  const Frame refusal = s.next(kHeaders);
  EXPECT_EQ(refusal.stream, 17u);
  EXPECT_NE(decoded(refusal.body).find("grpc-status=8"), std::string::npos);
  // The others go on, and what was counted is given back.
  for (uint32_t i = 0; i < 8; ++i) {
    ASSERT_TRUE(s.send(frame(kData, kEndStream, 2 * i + 1, std::string(5, 'm'))));
    EXPECT_EQ(s.next(kData).body.size(), 4005u);
  }
  EXPECT_EQ(call(s, 101, "/t.T/Echo", std::string(4000, 'n')).message.size(), 4000u);
}

TEST_P(RpcH2, FloodsOfPingAndSettingsEndTheConnection) {
  for (const std::string& one :
       {frame(kPing, 0, 0, std::string(8, 'p')), frame(kSettings, 0, 0, "")}) {
    Socket s(address(), tls());
    std::string flood = preface();
    for (int i = 0; i < 3000; ++i) flood += one;
    s.send(flood);
    EXPECT_TRUE(s.at_end());
  }
  EXPECT_TRUE(logged("Flooding was detected"));
  EXPECT_TRUE(still_serves());
}

TEST_P(RpcH2, MoreStreamsThanAllowedAreRefused) {
  std::string calls;
  for (uint32_t i = 0; i < 9; ++i)
    calls += request(2 * i + 1, "/t.T/Wait") + frame(kData, 0, 2 * i + 1, message(""));
  Socket early(address(), tls());  // may not know the limit yet
  ASSERT_TRUE(early.send(preface() + calls));
  const Frame reset = early.next(kReset);
  EXPECT_EQ(reset.stream, 17u);
  EXPECT_EQ(reset.body, u32(7)) << "REFUSED_STREAM";
  EXPECT_TRUE(eventually([&] { return begun_ == 8; }));
  Socket knowing(address(), tls());
  ASSERT_TRUE(knowing.send(preface() + frame(kSettings, 1, 0, "") + calls));
  EXPECT_TRUE(knowing.at_end());
}

TEST_P(RpcH2, TrailersOfTheCallerEndItsSide) {
  Socket s(address(), tls());
  ASSERT_TRUE(s.send(preface() + request(1, "/t.T/Echo") + frame(kData, 0, 1, message("m")) +
                     frame(kHeaders, kEndHeaders | kEndStream, 1, fields({{"x", "y"}}))));
  EXPECT_EQ(s.next(kData).body, message("m"));
  EXPECT_EQ(decoded(s.next(kHeaders).body), "grpc-status=0\n");
  Socket endless(address(), tls());
  ASSERT_TRUE(endless.send(preface() + request(1, "/t.T/Echo") +
                           frame(kHeaders, kEndHeaders, 1, fields({{"x", "y"}}))));
  EXPECT_EQ(endless.next(kReset).body, u32(1)) << "PROTOCOL_ERROR";
}

TEST_P(RpcH2, DrainingSaysGoAwayAndLetsCallsEnd) {
  Socket s(address(), tls());
  ASSERT_TRUE(s.send(preface() + request(1, "/t.T/Wait") + frame(kData, 0, 1, message(""))));
  ASSERT_TRUE(eventually([&] { return begun_ == 1; }));
  std::thread closer([&] { EXPECT_TRUE(listener_->close(300ms).ok()); });
  const Frame goaway = s.next(kGoAway);
  EXPECT_EQ(goaway.body.substr(0, 8), u32(1) + u32(0));
  EXPECT_TRUE(s.at_end());
  closer.join();
  EXPECT_EQ(ended_, 1);
}

INSTANTIATE_TEST_SUITE_P(Over, RpcH2, all_transports(), transport_name);

}  // namespace
}  // namespace signet::test
