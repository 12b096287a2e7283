// echo-server PORT PEER: answers each line with itself, over mutual TLS.
//
// PORT 0 takes a free one. PEER is a SPIFFE ID or a trust domain.
#include <csignal>
#include <thread>
#include <unistd.h>

#include <arpa/inet.h>
#include <sys/socket.h>

#include "../common.h"
#include "why_not.h"

using namespace signet::workload_client;

namespace {

int listen_on(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int yes = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(fd, 64) != 0 ||
      getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    give_up(signet::Status::unavailable("cannot listen"));
  }
  std::printf("listening 127.0.0.1:%d\n", ntohs(address.sin_port));
  return fd;
}

void serve(SSL* ssl, int fd) {
  SSL_set_fd(ssl, fd);
  if (SSL_accept(ssl) == 1) {
    std::printf("peer %s\n", peer_id(ssl)->to_string().c_str());
    char bytes[1024];
    for (int n; (n = SSL_read(ssl, bytes, sizeof bytes)) > 0;) SSL_write(ssl, bytes, n);
    SSL_shutdown(ssl);
  } else {
    std::printf("refused %s\n", why_not(ssl).c_str());
  }
  SSL_free(ssl);
  close(fd);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: echo-server PORT PEER\n");
    return 2;
  }
  std::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes to closed sockets
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  const auto transport = connect_to_agent();
  X509Source source(*transport);
  if (const auto ready = source.wait(std::chrono::seconds(30)); !ready.ok()) give_up(ready);
  const auto context = make_server_context(source, who_may(argv[2]));
  if (!context) give_up(context.status());

  const int listener = listen_on(std::atoi(argv[1]));
  while (true) {
    const int fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) continue;
    std::thread(serve, SSL_new((*context)->get()), fd).detach();
  }
}
