// echo-client HOST:PORT PEER [TIMES [PAUSE_MS]]: says hello to an echo-server and prints who
// answered.
//
// The credentials are made once. Each time is a connection of its own, so that one sees the
// rotation; it prints the server's ID and our certificate's serial number.
#include <chrono>
#include <string>
#include <thread>

#include <grpcpp/grpcpp.h>

#include "../common.h"
#include "echo.grpc.pb.h"
#include "workload_client/grpc_credentials.h"

using namespace signet::workload_client;

namespace {

// One call. False when it failed, which it has printed then.
bool say_hello(const std::shared_ptr<grpc::ChannelCredentials>& credentials, const char* address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // no connection of an earlier channel
  const auto stub =
      spiffe_echo::Echo::NewStub(grpc::CreateCustomChannel(address, credentials, arguments));
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
  spiffe_echo::Line line;
  line.set_text("hello");
  spiffe_echo::Line answer;
  const grpc::Status status = stub->Say(&context, line, &answer);
  if (!status.ok() || answer.text() != "hello") {
    std::printf("refused %s\n", status.error_message().c_str());
    return false;
  }
  std::printf("peer %s", peer_id(*context.auth_context())->to_string().c_str());
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3 || argc > 5) {
    std::fprintf(stderr, "usage: echo-client HOST:PORT PEER [TIMES [PAUSE_MS]]\n");
    return 2;
  }
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  const auto transport = connect_to_agent();
  X509Source source(*transport);
  if (const auto ready = source.wait(std::chrono::seconds(30)); !ready.ok()) give_up(ready);
  const auto credentials = make_grpc_channel_credentials(source, who_may(argv[2]));
  if (!credentials) give_up(credentials.status());

  const int times = argc > 3 ? std::atoi(argv[3]) : 1;
  const std::chrono::milliseconds pause(argc > 4 ? std::atoi(argv[4]) : 1000);
  for (int n = 0; n < times; ++n) {
    if (n > 0) std::this_thread::sleep_for(pause);
    if (!say_hello(*credentials, argv[1])) return 1;
    const auto& leaf = source.current()->default_svid().chain.front();
    std::printf(" own_serial %s\n", leaf.serial_decimal().c_str());
  }
}
