// echo-client HOST:PORT PEER [TIMES [PAUSE_MS]]: says hello to an echo-server and prints who
// answered.
//
// Each time is a connection of its own; it prints the server's ID and our certificate's serial
// number.
#include <chrono>
#include <cstring>
#include <string>
#include <thread>

#include "../common.h"
#include "why_not.h"

using namespace signet::workload_client;

namespace {

// One connection. False when it failed, which it has printed then.
bool say_hello(const TlsContext& context, const char* address) {
  SSL* ssl = nullptr;
  BIO* bio = BIO_new_ssl_connect(context.get());
  BIO_get_ssl(bio, &ssl);
  BIO_set_conn_hostname(bio, address);
  bool good = false;
  if (BIO_do_handshake(bio) == 1) {
    char answer[6] = {};
    // In TLS 1.3 a server's refusal of us comes with the first read.
    if (BIO_write(bio, "hello", 5) == 5 && BIO_read(bio, answer, 5) == 5) {
      std::printf("peer %s", peer_id(ssl)->to_string().c_str());
      good = std::strcmp(answer, "hello") == 0;
    }
  }
  if (!good) std::printf("refused %s\n", why_not(ssl).c_str());
  BIO_free_all(bio);
  return good;
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
  const auto context = make_client_context(source, who_may(argv[2]));
  if (!context) give_up(context.status());

  const int times = argc > 3 ? std::atoi(argv[3]) : 1;
  const std::chrono::milliseconds pause(argc > 4 ? std::atoi(argv[4]) : 1000);
  for (int n = 0; n < times; ++n) {
    if (n > 0) std::this_thread::sleep_for(pause);
    if (!say_hello(**context, argv[1])) return 1;
    const auto& leaf = source.current()->default_svid().chain.front();
    std::printf(" own_serial %s\n", leaf.serial_decimal().c_str());
  }
}
