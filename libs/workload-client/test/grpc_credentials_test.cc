#include "workload_client/grpc_credentials.h"

#include <filesystem>
#include <thread>

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include "fake_transport.h"
#include "test_authority.h"

namespace signet::workload_client {
namespace {

using std::chrono::seconds;
using testing::FakeTransport;
using testing::TestAuthority;

struct Peer {
  FakeTransport transport;
  X509Source source{transport};
  explicit Peer(const std::string& answer) {
    transport.wait_opened(1);
    transport.send(answer);
  }
};

// Ends every call with OUT_OF_RANGE and the caller's ID.
class WhoAmI final : public grpc::CallbackGenericService {
 public:
  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* context) override {
    class Answer final : public grpc::ServerGenericBidiReactor {
     public:
      explicit Answer(const std::string& text) {
        Finish(grpc::Status(grpc::StatusCode::OUT_OF_RANGE, text));
      }
      void OnDone() override { delete this; }
    };
    const auto peer = peer_id(*context->auth_context());
    return new Answer(peer ? peer->to_string() : peer.status().to_string());
  }
};

struct Server {
  WhoAmI service;
  int port = 0;
  std::unique_ptr<grpc::Server> server;
  explicit Server(const std::shared_ptr<grpc::ServerCredentials>& credentials) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", credentials, &port);
    builder.RegisterCallbackGenericService(&service);
    server = builder.BuildAndStart();
  }
  ~Server() { server->Shutdown(std::chrono::system_clock::now() + seconds(5)); }
};

struct Answer {
  grpc::Status status;
  std::string server = {};  // the ID that the client saw
};

// One call on a connection of its own.
Answer ask(const Server& server, const std::shared_ptr<grpc::ChannelCredentials>& credentials) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  grpc::GenericStub stub(grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(server.port),
                                                   credentials, arguments));
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + seconds(20));
  const grpc::ByteBuffer request;
  grpc::CompletionQueue queue;
  grpc::ByteBuffer reply;
  const auto call = stub.PrepareUnaryCall(&context, "/a/b", request, &queue);
  call->StartCall();
  Answer out;
  call->Finish(&reply, &out.status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  if (out.status.error_code() == grpc::StatusCode::OUT_OF_RANGE)
    out.server = peer_id(*context.auth_context())->to_string();
  return out;
}

TEST(GrpcCredentials, BothSidesLearnWhoTheOtherIs) {
  TestAuthority authority("example.org");
  Peer web(authority.answer("/web"));
  Peer db(authority.answer("/db"));
  const Server server(make_grpc_server_credentials(db.source, authorize_any()).value());
  const auto client =
      make_grpc_channel_credentials(
          web.source, authorize_id(SpiffeId::parse("spiffe://example.org/db").value()))
          .value();
  const Answer answer = ask(server, client);
  EXPECT_EQ(answer.status.error_message(), "spiffe://example.org/web");
  EXPECT_EQ(answer.server, "spiffe://example.org/db");
}

TEST(GrpcCredentials, ARotationShowsInNewConnectionsOfTheSameCredentials) {
  TestAuthority authority("example.org");
  Peer web(authority.answer("/web/1"));
  Peer db(authority.answer("/db/1"));
  const Server server(make_grpc_server_credentials(db.source, authorize_any()).value());
  const auto client = make_grpc_channel_credentials(web.source, authorize_any()).value();
  ASSERT_EQ(ask(server, client).server, "spiffe://example.org/db/1");
  for (const std::string round : {"2", "3"}) {
    web.transport.send(authority.answer("/web/" + round));
    db.transport.send(authority.answer("/db/" + round));
    Answer answer;
    for (const auto end = std::chrono::steady_clock::now() + seconds(15);
         std::chrono::steady_clock::now() < end;) {
      answer = ask(server, client);
      ASSERT_EQ(answer.status.error_code(), grpc::StatusCode::OUT_OF_RANGE)
          << "no handshake fails: " << answer.status.error_message();
      if (answer.status.error_message().ends_with("/web/" + round) &&
          answer.server.ends_with("/db/" + round)) {
        break;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    EXPECT_EQ(answer.status.error_message(), "spiffe://example.org/web/" + round);
    EXPECT_EQ(answer.server, "spiffe://example.org/db/" + round);
  }
}

TEST(GrpcCredentials, EitherSideRefuses) {
  TestAuthority authority("example.org");
  TestAuthority impostor("example.org");
  Peer web(authority.answer("/web"));
  Peer db(authority.answer("/db"));
  Peer fake(impostor.answer("/web"));
  const auto nobody = authorize_one_of({});
  const auto any = make_grpc_channel_credentials(web.source, authorize_any()).value();
  const Server open(make_grpc_server_credentials(db.source, authorize_any()).value());
  const Server closed(make_grpc_server_credentials(db.source, nobody).value());

  const Answer by_client = ask(open, make_grpc_channel_credentials(web.source, nobody).value());
  EXPECT_EQ(by_client.status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_NE(by_client.status.error_message().find("unexpected peer ID"), std::string::npos)
      << by_client.status.error_message();
  EXPECT_EQ(ask(closed, any).status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(ask(open, make_grpc_channel_credentials(fake.source, authorize_any()).value())
                .status.error_code(),
            grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(ask(open, grpc::SslCredentials({authority.bundle_pem(), "", ""})).status.error_code(),
            grpc::StatusCode::UNAVAILABLE)
      << "a client without a certificate";
  EXPECT_EQ(ask(open, grpc::InsecureChannelCredentials()).status.error_code(),
            grpc::StatusCode::UNAVAILABLE);
}

TEST(GrpcCredentials, AnExpiredSvidIsRefused) {
  TestAuthority authority("example.org");
  Peer web(authority.answer("/web", seconds(-5)));
  Peer db(authority.answer("/db"));
  const Server server(make_grpc_server_credentials(db.source, authorize_any()).value());
  EXPECT_EQ(ask(server, make_grpc_channel_credentials(web.source, authorize_any()).value())
                .status.error_code(),
            grpc::StatusCode::UNAVAILABLE);
}

TEST(GrpcCredentials, OutliveTheirSourceWithItsLastIdentity) {
  TestAuthority authority("example.org");
  std::shared_ptr<grpc::ChannelCredentials> client;
  std::shared_ptr<grpc::ServerCredentials> server_side;
  {
    Peer web(authority.answer("/web"));
    client = make_grpc_channel_credentials(web.source, authorize_any()).value();
    server_side = make_grpc_server_credentials(web.source, authorize_any()).value();
  }
  EXPECT_EQ(ask(Server(server_side), client).server, "spiffe://example.org/web");
}

int open_files() {
  int count = 0;
  for ([[maybe_unused]] const auto& each : std::filesystem::directory_iterator("/proc/self/fd"))
    ++count;
  return count;
}

TEST(GrpcCredentials, LeaveNoFileBehind) {
  TestAuthority authority("example.org");
  Peer web(authority.answer("/web"));
  // gRPC has files of its own for as long as anything of it is there.
  const auto kept = make_grpc_server_credentials(web.source, authorize_any()).value();
  const int before = open_files();
  for (int n = 0; n < 20; ++n) {
    const auto client = make_grpc_channel_credentials(web.source, authorize_any()).value();
    const auto server = make_grpc_server_credentials(web.source, authorize_any()).value();
    web.transport.send(authority.answer("/web"));
  }
  for (const auto end = std::chrono::steady_clock::now() + seconds(20);
       open_files() > before && std::chrono::steady_clock::now() < end;) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_LE(open_files(), before);
}

TEST(GrpcCredentials, NeedAnIdentityAndAnAuthoriser) {
  TestAuthority authority("example.org");
  Peer web(authority.answer("/web"));
  FakeTransport silent;
  const X509Source nothing(silent);
  EXPECT_EQ(make_grpc_server_credentials(nothing, authorize_any()).status().code(),
            Code::kFailedPrecondition);
  EXPECT_EQ(make_grpc_channel_credentials(nothing, authorize_any()).status().code(),
            Code::kFailedPrecondition);
  EXPECT_EQ(make_grpc_server_credentials(web.source, nullptr).status().code(),
            Code::kInvalidArgument);
  EXPECT_EQ(make_grpc_channel_credentials(web.source, nullptr).status().code(),
            Code::kInvalidArgument);
}

}  // namespace
}  // namespace signet::workload_client
