// echo-server PORT PEER: answers each line with itself, by gRPC over mutual TLS.
//
// PORT 0 takes a free one. PEER is a SPIFFE ID or a trust domain.
#include <grpcpp/grpcpp.h>

#include "../common.h"
#include "echo.grpc.pb.h"
#include "workload_client/grpc_credentials.h"

using namespace signet::workload_client;

namespace {

class Echo final : public spiffe_echo::Echo::Service {
  grpc::Status Say(grpc::ServerContext* context, const spiffe_echo::Line* request,
                   spiffe_echo::Line* answer) override {
    const auto peer = peer_id(*context->auth_context());
    if (!peer) return {grpc::StatusCode::UNAUTHENTICATED, peer.status().message()};
    std::printf("peer %s\n", peer->to_string().c_str());
    *answer = *request;
    return grpc::Status::OK;
  }
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: echo-server PORT PEER\n");
    return 2;
  }
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  const auto transport = connect_to_agent();
  X509Source source(*transport);
  if (const auto ready = source.wait(std::chrono::seconds(30)); !ready.ok()) give_up(ready);
  const auto credentials = make_grpc_server_credentials(source, who_may(argv[2]));
  if (!credentials) give_up(credentials.status());

  Echo echo;
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort(std::string("127.0.0.1:") + argv[1], *credentials, &port);
  builder.RegisterService(&echo);
  // A connection keeps the certificates it began with, so it ends well before they do.
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS, 5 * 60 * 1000);
  const auto server = builder.BuildAndStart();
  if (!server) give_up(signet::Status::unavailable("cannot listen"));
  std::printf("listening 127.0.0.1:%d\n", port);
  server->Wait();
}
