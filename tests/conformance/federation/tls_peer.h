// A TLS server that says what a test wants it to say, and identities to say it with.
#pragma once

#include <atomic>
#include <csignal>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/socket.h>

#include "x509/svid_issuer.h"

namespace signet::conformance {

inline x509::Time now() {
  return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

struct Authority {
  explicit Authority(std::string_view domain, x509::Time at = now())
      : key(std::make_shared<crypto::PrivateKeySigner>(
            crypto::PrivateKey::generate(crypto::KeyType::kEcP256).value())),
        certificate([&] {
          x509::CaParams params;
          params.now = at;
          return x509::self_sign_ca(TrustDomain::parse(domain).value(), params, *key).value();
        }()) {}
  std::string der() const { return crypto::to_string(certificate.der()); }

  std::shared_ptr<crypto::PrivateKeySigner> key;
  x509::Certificate certificate;
};

struct Svid {
  Svid(const Authority& ca, std::string_view id, x509::Time at = now(),
       const std::vector<std::string>& dns_names = {})
      : key(crypto::PrivateKey::generate(crypto::KeyType::kEcP256).value()) {
    const auto issuer = x509::SvidIssuer::make(ca.certificate, ca.key).value();
    const auto svid = issuer
                          .issue({.spiffe_id = id,
                                  .spki = key.public_key().spki(),
                                  .now = at,
                                  .dns_names = dns_names})
                          .value();
    der = crypto::to_string(svid.der);
    pkcs8 = key.to_pkcs8_der();
  }
  crypto::PrivateKey key;
  std::string der;
  crypto::SecretBytes pkcs8;
};

// One request per connection. say(path, write) writes the answer; write() is false when the
// client has gone.
class TlsPeer {
 public:
  using Write = std::function<bool(std::string_view)>;
  using Say = std::function<void(const std::string& path, const Write& write)>;

  TlsPeer(const Svid& svid, Say say)
      : say_(std::move(say)), context_(SSL_CTX_new(TLS_server_method())) {
    ::signal(SIGPIPE, SIG_IGN);
    const auto* at = reinterpret_cast<const unsigned char*>(svid.der.data());
    X509* const certificate = d2i_X509(nullptr, &at, static_cast<long>(svid.der.size()));
    SSL_CTX_use_certificate(context_, certificate);
    X509_free(certificate);
    const auto text = svid.pkcs8.text();
    at = reinterpret_cast<const unsigned char*>(text.data());
    EVP_PKEY* const key = d2i_AutoPrivateKey(nullptr, &at, static_cast<long>(text.size()));
    SSL_CTX_use_PrivateKey(context_, key);
    EVP_PKEY_free(key);
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address);
    ::listen(listener_, 16);
    socklen_t size = sizeof address;
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  ~TlsPeer() {
    ending_ = true;
    ::shutdown(listener_, SHUT_RDWR);
    ::close(listener_);
    if (const int fd = current_; fd >= 0) ::shutdown(fd, SHUT_RDWR);
    thread_.join();
    SSL_CTX_free(context_);
  }
  TlsPeer(const TlsPeer&) = delete;
  TlsPeer& operator=(const TlsPeer&) = delete;

  std::string url(const std::string& path = "/") const {
    return "https://127.0.0.1:" + std::to_string(port_) + path;
  }
  std::vector<std::string> paths() {
    const std::lock_guard lock(mutex_);
    return paths_;
  }
  std::uint16_t port() const { return port_; }

 private:
  void run() {
    while (!ending_) {
      const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) return;
      current_ = fd;
      SSL* const ssl = SSL_new(context_);
      SSL_set_fd(ssl, fd);
      if (SSL_accept(ssl) == 1) serve(ssl);
      SSL_shutdown(ssl);
      SSL_free(ssl);
      current_ = -1;
      ::close(fd);
    }
  }
  void serve(SSL* ssl) {
    std::string request;
    char buffer[4096];
    while (request.find("\r\n\r\n") == std::string::npos) {
      const int n = SSL_read(ssl, buffer, sizeof buffer);
      if (n <= 0) return;
      request.append(buffer, static_cast<std::size_t>(n));
    }
    const std::string path = request.substr(4, request.find(' ', 4) - 4);
    {
      const std::lock_guard lock(mutex_);
      paths_.push_back(path);
    }
    say_(path, [&](std::string_view text) {
      return !ending_ && SSL_write(ssl, text.data(), static_cast<int>(text.size())) > 0;
    });
  }

  Say say_;
  SSL_CTX* context_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<bool> ending_{false};
  std::atomic<int> current_{-1};
  std::mutex mutex_;
  std::vector<std::string> paths_;
  std::thread thread_;
};

inline std::string ok(const std::string& body) {
  return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + body;
}
inline std::string redirect(const std::string& to) {
  return "HTTP/1.1 302 Found\r\nLocation: " + to + "\r\nContent-Length: 0\r\n\r\n";
}

}  // namespace signet::conformance
