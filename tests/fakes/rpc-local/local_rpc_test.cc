#include "rpc-local/local_rpc.h"

#include <gtest/gtest.h>

#include "signet/rpc.h"

#include "grpc/health/v1/health.pb.h"
#include "rpc-local/hosted.h"

namespace signet::fakes {
namespace {

using Request = ::grpc::health::v1::HealthCheckRequest;
using Response = ::grpc::health::v1::HealthCheckResponse;

std::string request(const std::string& service) {
  Request r;
  r.set_service(service);
  return r.SerializeAsString();
}

class LocalRpcTest : public ::testing::Test {
 protected:
  ~LocalRpcTest() override {
    listener.reset();
    EXPECT_EQ(Blobs::alive(), 0);
  }
  void listen(RpcAcceptor* acceptor = nullptr, const char* uri = "unix:/x",
              const char* options = "{}") {
    listener = RpcListener::create(hosted.host(), uri, options, acceptor).value();
  }
  // Answers with as many messages as the request's service name has letters, then ends.
  void serve_letters() {
    ASSERT_TRUE(
        listener
            ->stream<Request>("/t.T/Letters",
                              [](const std::shared_ptr<ServerCall>& call, const Request& r) {
                                for (std::size_t i = 0; i < r.service().size(); ++i)
                                  (void)call->send_message(Response());
                                call->finish(Status::not_found("no more"));
                              })
            .ok());
    ASSERT_TRUE(listener->serve().ok());
  }
  LocalRpc rpc;
  Hosted hosted{rpc};
  std::unique_ptr<RpcListener> listener;
};

TEST_F(LocalRpcTest, ACallByHandSeesMessagesAndTheEnd) {
  listen();
  serve_letters();
  const auto call = rpc.call("/t.T/Letters", request("abc"));
  EXPECT_EQ(call->count(), 3u);
  EXPECT_TRUE(call->over());
  EXPECT_EQ(call->code(), Code::kNotFound);
  EXPECT_EQ(call->words(), "no more");
  EXPECT_EQ(rpc.call("/t.T/Other", "")->code(), Code::kUnimplemented);
  EXPECT_EQ(rpc.listeners().at(0).uri, "unix:/x");
}

TEST_F(LocalRpcTest, RefusalsAndMetadataAreSeen) {
  listen();
  listener->authorize([](ServerCall& call) {
    return call.metadata("let.me") == std::vector<std::string>{"in"}
               ? Status()
               : Status::permission_denied("no header");
  });
  serve_letters();
  EXPECT_EQ(rpc.call("/t.T/Letters", request("a"))->words(), "no header");
  EXPECT_EQ(rpc.call("/t.T/Letters", request("a"), {{"let.me", "in"}})->count(), 1u);
}

TEST_F(LocalRpcTest, AReaderThatLagsIsTakenUpAgain) {
  listen();
  int refused = 0;
  ASSERT_TRUE(listener
                  ->stream<Request>(
                      "/t.T/Watch",
                      [&](const std::shared_ptr<ServerCall>& call, const Request&) {
                        ServerCall* const raw = call.get();
                        call->on_writable = [raw] { (void)raw->send_message(Response()); };
                        call->on_message = [raw, &refused](std::string_view) {
                          if (!raw->send_message(Response()).ok()) ++refused;
                          raw->read();
                        };
                        call->read();
                      },
                      SIGNET_RPC_CLIENT_STREAM | SIGNET_RPC_SERVER_STREAM)
                  .ok());
  ASSERT_TRUE(listener->serve().ok());
  const auto call = rpc.open("/t.T/Watch", request(""));
  call->send(request(""));
  EXPECT_EQ(call->count(), 1u);
  call->stop_reading();
  call->send(request(""));
  EXPECT_EQ(call->count(), 1u);
  EXPECT_EQ(refused, 1);
  call->read_on();
  EXPECT_EQ(call->count(), 2u);
}

class Names final : public RpcAcceptor {
 public:
  explicit Names(std::string own) : own_(std::move(own)) {}
  Result<RpcIdentity> identity() override { return RpcIdentity{{own_}, {}, {}, {}}; }
  Result<RpcVerdict> verify(const RpcPeer& peer) override {
    ++asked;
    if (peer.chain_len != 1) return Status::unavailable("who are you?");
    return RpcVerdict{std::string(view(peer.chain[0])), nullptr};
  }
  void closed(const RpcPeer&) override { ++ended; }
  int asked = 0, ended = 0;

 private:
  std::string own_;
};

TEST_F(LocalRpcTest, ClientsOfTheProcessShakeHandsOnceAConnection) {
  Names server("server");
  Names client("client");
  listen(&server, "tcp:127.0.0.1:0", R"({"tls":true})");
  ASSERT_TRUE((listener->unary<Request, Response>("/t.T/Who", [](ServerCall& call, const Request&) {
                EXPECT_EQ(view(call.peer().id), "client");
                return Result<Response>(Response());
              })).ok());
  ASSERT_TRUE(listener->serve().ok());
  rpc.start_threads();
  const std::string uri = "dns:" + listener->address().substr(4);
  {
    const auto connection =
        RpcConnection::create(hosted.host(), uri, R"({"tls":true})", &client).value();
    for (int i = 0; i < 3; ++i)
      EXPECT_TRUE(connection->call<Response>("/t.T/Who", Request(), INT64_MAX).ok());
    EXPECT_EQ(connection->call<Response>("/t.T/Other", Request(), INT64_MAX).status().code(),
              Code::kUnimplemented);
  }
  EXPECT_EQ(server.asked, 1);
  EXPECT_EQ(client.asked, 1);
  EXPECT_EQ(server.ended, 1);
  EXPECT_EQ(client.ended, 1);
  EXPECT_EQ(rpc.connections(), 1);
}

TEST_F(LocalRpcTest, AStrangerIsRefusedWithTheVerifiersWords) {
  Names server("server");
  listen(&server, "tcp:127.0.0.1:0", R"({"tls":true})");
  serve_letters();
  const auto call = rpc.call("/t.T/Letters", request("a"));
  EXPECT_EQ(call->code(), Code::kUnavailable);
  EXPECT_EQ(call->words(), "who are you?");
  LocalCaller known;
  known.chain = {"me"};
  const auto held = rpc.call("/t.T/Letters", request("a"), {}, known);
  EXPECT_EQ(held->count(), 1u);
  EXPECT_EQ(server.ended, 0);
  listener.reset();  // before the call that it served
  EXPECT_EQ(server.ended, 1);
}

TEST_F(LocalRpcTest, OfTwoListenersACallByHandFindsTheOneOfItsTransport) {
  Names server("server");
  const auto who = [](const char* answer) {
    return [answer](ServerCall&, const Request&) {
      return Result<Response>(Status::not_found(answer));
    };
  };
  // Either order: the admin socket of a role is opened before its port, or after.
  for (const bool tls_first : {true, false}) {
    std::unique_ptr<RpcListener> local, network;
    for (const bool tls : {tls_first, !tls_first}) {
      auto& one = tls ? network : local;
      one = RpcListener::create(hosted.host(), tls ? "tcp:127.0.0.1:0" : "unix:/x",
                                tls ? R"({"tls":true})" : "{}", tls ? &server : nullptr)
                .value();
      ASSERT_TRUE((one->unary<Request, Response>("/t.T/Who", who(tls ? "tls" : "local"))).ok());
      ASSERT_TRUE(one->serve().ok());
    }
    EXPECT_EQ(rpc.call("/t.T/Who", "")->words(), "local");
    EXPECT_EQ(rpc.call("/t.T/Who", "", {}, {{"me"}, "", true})->words(), "tls");
  }
}

TEST_F(LocalRpcTest, AStreamOfAClientEndsBehindItsLastMessage) {
  listen();
  serve_letters();
  rpc.start_threads();
  const auto connection = RpcConnection::create(hosted.host(), "unix:/x", "{}", nullptr).value();
  Request three;
  three.set_service("abc");
  const auto call = connection->open("/t.T/Letters", three, INT64_MAX).value();
  for (int i = 0; i < 3; ++i) {
    const auto message = call->read<Response>();
    ASSERT_TRUE(message.ok()) << i;
    EXPECT_TRUE(message->has_value());
  }
  EXPECT_EQ(call->read<Response>().status().code(), Code::kNotFound);
}

TEST_F(LocalRpcTest, NobodyAtTheAddressIsUnavailable) {
  rpc.start_threads();
  const auto connection = RpcConnection::create(hosted.host(), "unix:/y", "{}", nullptr).value();
  EXPECT_EQ(connection->call<Response>("/t.T/Who", Request(), INT64_MAX).status().code(),
            Code::kUnavailable);
}

TEST_F(LocalRpcTest, AClosingListenerEndsItsCalls) {
  listen();
  int gone = 0;
  ASSERT_TRUE(
      listener
          ->stream<Request>("/t.T/Watch", [&](const std::shared_ptr<ServerCall>& call,
                                              const Request&) { call->on_done = [&] { ++gone; }; })
          .ok());
  ASSERT_TRUE(listener->serve().ok());
  const auto call = rpc.call("/t.T/Watch", request(""));
  EXPECT_FALSE(call->over());
  EXPECT_TRUE(listener->close(std::chrono::seconds(0)).ok());
  EXPECT_EQ(gone, 1);
  rpc.run();
  EXPECT_EQ(call->code(), Code::kUnavailable);
}

}  // namespace
}  // namespace signet::fakes
