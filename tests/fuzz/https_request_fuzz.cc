// Hostile input: what a caller of an HTTPS endpoint sends, in place of a TLS handshake (first bit
// of the first byte 0) or as its request after one.
//
// The real server on a port of its own. Whatever it is sent, it closes the connection or gives one
// of the answers it has, and the handler is asked for what was a request only.
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <unistd.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include "../../libs/https-server/test/own_identity.h"

namespace {

using namespace signet;  // NOLINT: a program of one file

[[noreturn]] void give_up(const char* why) {
  std::fprintf(stderr, "%s\n", why);
  std::abort();
}

// The fuzzer's alarm, once a second, cuts calls of the kernel short; TLS says then that it wants
// more.
template <class Operation>
int whole(SSL* tls, Operation operation) {
  for (;;) {
    const int done = operation();
    const int error = SSL_get_error(tls, done);
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) return done;
  }
}

https_server::Answer answer(const https_server::Request& request) {
  static const auto kBody = std::make_shared<const std::string>("{}");
  if (request.method.empty() || request.path.empty()) give_up("a request without a target");
  if (request.path.find_first_of("?#\r\n ") != std::string_view::npos) give_up("not a path");
  if (request.method != "GET") return {405, "text/plain", nullptr};
  if (request.path != "/") return {404, "text/plain", nullptr};
  return {200, "application/json", kBody};
}

const https_server::Server& server() {
  static const auto* instance = [] {
    const https_server::OwnIdentity own("spiffe://example.org/s");
    https_server::Options options;
    options.address = "127.0.0.1";
    return https_server::Server::start(options, own.identity(), &answer).value().release();
  }();
  return *instance;
}

// From an address of its own: connections of one address are bounded, and the last ones linger.
int connection() {
  static unsigned calls = 0;
  sockaddr_in own{}, peer{};
  own.sin_family = peer.sin_family = AF_INET;
  peer.sin_port = htons(server().port());
  peer.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int on = 1;
  const linger at_once{1, 0};
  for (int attempt = 0; attempt < 100; ++attempt) {  // now and then the kernel has no port to give
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    own.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (++calls % 60'000));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    if (bind(fd, reinterpret_cast<sockaddr*>(&own), sizeof own) == 0 &&
        connect(fd, reinterpret_cast<sockaddr*>(&peer), sizeof peer) == 0) {
      return fd;
    }
    close(fd);
  }
  give_up("no connection");
}

void check(const std::string& received) {
  if (received.empty()) return;
  for (const char* status : {"200", "400", "404", "405", "431"}) {
    if (received.starts_with(std::string("HTTP/1.1 ") + status)) return;
  }
  give_up(received.c_str());
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  signal(SIGPIPE, SIG_IGN);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static SSL_CTX* const context = SSL_CTX_new(TLS_client_method());
  if (size < 2 || size > 40'000) return 0;
  const int fd = connection();
  char buffer[4096];
  if ((data[0] & 1) == 0) {
    [[maybe_unused]] const ssize_t n = send(fd, data + 1, size - 1, MSG_NOSIGNAL);
    shutdown(fd, SHUT_WR);
    while (recv(fd, buffer, sizeof buffer, 0) > 0 || errno == EINTR) {
      errno = 0;
    }
  } else {
    SSL* const tls = SSL_new(context);
    SSL_set_fd(tls, fd);
    if (whole(tls, [&] { return SSL_connect(tls); }) != 1) {
      ERR_print_errors_fp(stderr);
      give_up("no handshake");
    }
    std::string received;
    const auto read = [&] { return SSL_read(tls, buffer, sizeof buffer); };
    if (whole(tls, [&] { return SSL_write(tls, data + 1, static_cast<int>(size) - 1); }) > 0) {
      SSL_shutdown(tls);  // no more comes: what is half a request is over
      for (int n = 0; (n = whole(tls, read)) > 0;) {
        received.append(buffer, static_cast<std::size_t>(n));
      }
    }
    SSL_free(tls);
    check(received);
  }
  close(fd);
  return 0;
}
