// A client's socket without a library's manners, and TLS over it made of OpenSSL alone.
#pragma once

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string>
#include <string_view>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "pki.h"

namespace signet::test {

inline sockaddr_un unix_address(const std::string& path) {
  sockaddr_un a{};
  a.sun_family = AF_UNIX;
  std::memcpy(a.sun_path, path.data(), path.size());
  return a;
}

struct RawSocket {
  /// Takes over one that is connected.
  explicit RawSocket(int connected_fd) : fd(connected_fd), connected(true) { prepare(); }
  /// "unix:/path", "tcp:127.0.0.1:81" or "tcp:[::1]:81".
  explicit RawSocket(const std::string& address) {
    sockaddr_storage to{};
    socklen_t size = 0;
    if (address.starts_with("unix:")) {
      reinterpret_cast<sockaddr_un&>(to) = unix_address(address.substr(5));
      size = sizeof(sockaddr_un);
    } else {
      const auto colon = address.rfind(':');
      const auto port = htons(static_cast<uint16_t>(std::stoi(address.substr(colon + 1))));
      if (address[4] == '[') {
        auto& a = reinterpret_cast<sockaddr_in6&>(to);
        a.sin6_family = AF_INET6;
        a.sin6_port = port;
        a.sin6_addr = in6addr_loopback;
        size = sizeof a;
      } else {
        auto& a = reinterpret_cast<sockaddr_in&>(to);
        a.sin_family = AF_INET;
        a.sin_port = port;
        inet_pton(AF_INET, address.substr(4, colon - 4).c_str(), &a.sin_addr);
        size = sizeof a;
      }
    }
    fd = ::socket(to.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    prepare();
    connected = ::connect(fd, reinterpret_cast<const sockaddr*>(&to), size) == 0;
  }
  ~RawSocket() {
    SSL_free(ssl);
    SSL_CTX_free(context);
    ::close(fd);
  }
  RawSocket(const RawSocket&) = delete;
  RawSocket& operator=(const RawSocket&) = delete;

  void show(const Certified& c) {
    SSL_CTX_use_certificate(context, c.certificate.get());
    SSL_CTX_use_PrivateKey(context, c.key.get());
  }
  void only_version(int version) {
    SSL_CTX_set_min_proto_version(context, version);
    SSL_CTX_set_max_proto_version(context, version);
  }
  bool handshake(SSL_SESSION* resume = nullptr, const char* alpn = "\x02h2") {
    ssl = SSL_new(context);
    SSL_set_fd(ssl, fd);
    SSL_set_alpn_protos(ssl, reinterpret_cast<const unsigned char*>(alpn),
                        static_cast<unsigned>(std::strlen(alpn)));
    if (resume) SSL_set_session(ssl, resume);
    int done = 0;
    do {
      errno = 0;
      done = SSL_connect(ssl);
    } while (done < 0 && errno == EINTR);
    remember_error();
    return done == 1;
  }
  bool write(std::string_view bytes) {
    if (!ssl) {
      return ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
             static_cast<ssize_t>(bytes.size());
    }
    const bool good =
        bytes.empty() || SSL_write(ssl, bytes.data(), static_cast<int>(bytes.size())) ==
                             static_cast<int>(bytes.size());
    remember_error();
    return good;
  }
  /// 0: the other side has ended it, in one way or another; -1: it took too long.
  int read(char* out, std::size_t size) {
    int n = 0;
    do {  // with a limit, a call is interrupted when the process was stopped meanwhile
      errno = 0;
      n = ssl ? SSL_read(ssl, out, static_cast<int>(size))
              : static_cast<int>(::recv(fd, out, size, 0));
    } while (n < 0 && errno == EINTR);
    const bool late = n < 0 && errno == EAGAIN;
    remember_error();
    return n > 0 ? n : late ? -1 : 0;
  }
  bool ended() {
    char bytes[4096];
    int n = 1;
    while (n > 0) n = read(bytes, sizeof bytes);
    return n == 0;
  }

  int fd = -1;
  bool connected = false;
  SSL_CTX* context = nullptr;
  SSL* ssl = nullptr;
  std::string error;  // OpenSSL's words for what went wrong last, such as an alert

 private:
  void prepare() {
    const timeval limit{20, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    context = SSL_CTX_new(TLS_client_method());
    signal(SIGPIPE, SIG_IGN);  // OpenSSL's own writes know no MSG_NOSIGNAL
  }
  void remember_error() {
    if (const char* words = ERR_reason_error_string(ERR_peek_last_error())) error = words;
    ERR_clear_error();
  }
};

}  // namespace signet::test
