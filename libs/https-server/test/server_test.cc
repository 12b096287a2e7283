// A client of a few lines on OpenSSL, so that what a hostile peer sends can be chosen.
#include "https_server/server.h"

#include <csignal>
#include <thread>
#include <unistd.h>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include "own_identity.h"

namespace signet::https_server {
namespace {

class Client {
 public:
  explicit Client(std::uint16_t port, int max_version = TLS1_3_VERSION,
                  const char* own_address = "127.0.0.1")
      : context_(SSL_CTX_new(TLS_client_method())), fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = inet_addr(own_address);
    EXPECT_EQ(::bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    std::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes to what the server has closed
    SSL_CTX_set_security_level(context_, 0);
    SSL_CTX_set_min_proto_version(context_, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(context_, max_version);
    ssl_ = SSL_new(context_);
    SSL_set_fd(ssl_, fd_);
  }
  ~Client() {
    SSL_free(ssl_);
    SSL_CTX_free(context_);
    ::close(fd_);
  }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  bool handshake() { return connected_ && SSL_connect(ssl_) == 1; }
  bool send(std::string_view text) {
    return SSL_write(ssl_, text.data(), static_cast<int>(text.size())) > 0;
  }
  std::string receive() {  // until the server closes
    std::string all;
    char buffer[4096];
    for (;;) {
      const int n = SSL_read(ssl_, buffer, sizeof buffer);
      if (n <= 0) return all;
      all.append(buffer, static_cast<std::size_t>(n));
    }
  }
  std::string certificate() {
    X509* const peer = SSL_get1_peer_certificate(ssl_);
    unsigned char* der = nullptr;
    const int size = i2d_X509(peer, &der);
    std::string out(reinterpret_cast<char*>(der), static_cast<std::size_t>(size));
    OPENSSL_free(der);
    X509_free(peer);
    return out;
  }
  int fd() const { return fd_; }
  SSL* tls() { return ssl_; }

 private:
  SSL_CTX* context_;
  SSL* ssl_ = nullptr;
  int fd_;
  bool connected_ = false;
};

Answer answer(const Request& request) {
  static const auto kBody = std::make_shared<const std::string>(300'000, 'x');
  if (request.method != "GET") return {405, "text/plain", nullptr};
  if (request.path != "/") return {404, "text/plain", nullptr};
  return {200, "application/json", kBody};
}

std::unique_ptr<Server> serve(Options options = {}) {
  options.address = "127.0.0.1";
  static const OwnIdentity kIdentity("spiffe://example.org/one");
  return Server::start(options, kIdentity.identity(), &answer).value();
}

std::string ask(const Server& server, const std::string& request) {
  Client client(server.port());
  if (!client.handshake()) return "no handshake";
  client.send(request);
  return client.receive();
}

// Of three the first one makes room, and who came later is served.
void expect_room_for_two(const Server& server) {
  Client one(server.port()), two(server.port());
  ASSERT_TRUE(one.handshake());
  ASSERT_TRUE(two.handshake());
  Client three(server.port());
  EXPECT_TRUE(three.handshake());
  EXPECT_EQ(one.receive(), "");
  for (Client* client : {&two, &three}) {
    client->send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_TRUE(client->receive().starts_with("HTTP/1.1 200"));
  }
}

TEST(HttpsServer, AnswersEachMethodAndPathAsTheHandlerSays) {
  const auto server = serve();
  const std::string good = ask(*server, "GET /?a=b HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(good.starts_with("HTTP/1.1 200 OK\r\n")) << good.substr(0, 200);
  EXPECT_NE(good.find("Content-Type: application/json\r\n"), std::string::npos);
  EXPECT_NE(good.find("Content-Length: 300000\r\n"), std::string::npos);
  EXPECT_TRUE(good.ends_with(std::string(300'000, 'x')));
  EXPECT_TRUE(ask(*server, "GET /other HTTP/1.1\r\nHost: x\r\n\r\n").starts_with("HTTP/1.1 404"));
  EXPECT_TRUE(ask(*server, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n")
                  .starts_with("HTTP/1.1 405"));
}

TEST(HttpsServer, RefusesAHeadThatIsTooLargeOrNoHttp) {
  const auto server = serve();
  EXPECT_TRUE(ask(*server, "GET / HTTP/1.1\r\nA: " + std::string(15'000, 'a') +
                               "\r\nB: " + std::string(15'000, 'b') + "\r\n\r\n")
                  .starts_with("HTTP/1.1 431"));
  EXPECT_FALSE(ask(*server, "nonsense\r\n\r\n").starts_with("HTTP/1.1 200"));
}

TEST(HttpsServer, SpeaksTls12AndNothingOlder) {
  const auto server = serve();
  Client good(server->port(), TLS1_2_VERSION), bad(server->port(), TLS1_1_VERSION);
  EXPECT_TRUE(good.handshake());
  EXPECT_FALSE(bad.handshake());
}

TEST(HttpsServer, SpeaksOnlyCiphersWithForwardSecrecyAndAuthenticatedEncryption) {
  const auto server = serve();
  for (const char* bad : {"ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-AES256-SHA",
                          "ECDHE-ECDSA-AES128-CCM", "AECDH-AES128-SHA", "ECDHE-ECDSA-NULL-SHA"}) {
    Client client(server->port(), TLS1_2_VERSION);
    ASSERT_EQ(SSL_set_cipher_list(client.tls(), bad), 1) << bad;
    EXPECT_FALSE(client.handshake()) << bad;
  }
  for (const char* good : {"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"}) {
    Client client(server->port(), TLS1_2_VERSION);
    ASSERT_EQ(SSL_set_cipher_list(client.tls(), good), 1) << good;
    EXPECT_TRUE(client.handshake()) << good;
  }
}

TEST(HttpsServer, ResumesNothingAndNegotiatesOnce) {
  const auto server = serve();
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    Client first(server->port(), version);
    ASSERT_TRUE(first.handshake());
    first.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_TRUE(first.receive().starts_with("HTTP/1.1 200"));  // a ticket would have come by now
    SSL_SESSION* const session = SSL_get1_session(first.tls());
    EXPECT_EQ(SSL_SESSION_has_ticket(session), 0) << version;
    Client second(server->port(), version);
    SSL_set_session(second.tls(), session);
    EXPECT_TRUE(second.handshake());
    EXPECT_EQ(SSL_session_reused(second.tls()), 0) << version;
    SSL_SESSION_free(session);
  }
  Client again(server->port(), TLS1_2_VERSION);
  ASSERT_TRUE(again.handshake());
  ASSERT_EQ(SSL_renegotiate(again.tls()), 1);
  EXPECT_NE(SSL_do_handshake(again.tls()), 1);
}

TEST(HttpsServer, OneConnectionTooManyEndsTheOldest) {
  Options options;
  options.max_connections = 2;
  const auto server = serve(options);
  for (int again = 0; again < 3; ++again) expect_room_for_two(*server);
}

TEST(HttpsServer, WhoDoesNotReadItsAnswerMakesRoomToo) {
  Options options;
  options.max_connections = 2;
  const auto server = serve(options);
  std::vector<std::unique_ptr<Client>> deaf;
  for (int n = 0; n < 20; ++n) {
    deaf.push_back(std::make_unique<Client>(server->port()));
    ASSERT_TRUE(deaf.back()->handshake()) << n;
    deaf.back()->send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  }
  EXPECT_TRUE(ask(*server, "GET / HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 200"));
}

TEST(HttpsServer, ShowsTheNewCertificateFromTheNextConnectionOn) {
  const auto server = serve();
  Client first(server->port());
  ASSERT_TRUE(first.handshake());
  const OwnIdentity other("spiffe://example.org/two");
  ASSERT_TRUE(server->set_identity(other.identity()).ok());
  Client second(server->port());
  ASSERT_TRUE(second.handshake());
  EXPECT_EQ(second.certificate(), other.chain[0]);
  EXPECT_NE(first.certificate(), other.chain[0]);
  first.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(first.receive().starts_with("HTTP/1.1 200"));
}

TEST(HttpsServer, KeepsItsCertificateWhenTheNewOneIsNotGood) {
  const auto server = serve();
  const OwnIdentity a("spiffe://example.org/a"), b("spiffe://example.org/b");
  EXPECT_EQ(server->set_identity({a.chain, b.pkcs8.text()}).code(), Code::kInvalidArgument);
  EXPECT_EQ(server->set_identity({{}, a.pkcs8.text()}).code(), Code::kInvalidArgument);
  EXPECT_EQ(server->set_identity({{"no DER"}, a.pkcs8.text()}).code(), Code::kInvalidArgument);
  EXPECT_TRUE(ask(*server, "GET / HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 200"));
}

TEST(HttpsServer, EndsWhoNeverFinishesAHandshakeOrARequest) {
  Options hasty;
  hasty.handshake_time = std::chrono::milliseconds(200);
  const auto first = serve(hasty);
  Client silent(first->port());
  char byte = 0;
  EXPECT_EQ(::recv(silent.fd(), &byte, 1, 0), 0);
  Options options;  // with all the time for a handshake that there is
  options.request_time = std::chrono::milliseconds(200);
  const auto second = serve(options);
  Client half(second->port());
  ASSERT_TRUE(half.handshake());
  half.send("GET / HTTP/1.1\r\n");
  EXPECT_EQ(half.receive(), "");
}

TEST(HttpsServer, AnAddressWithAllOfItsPlacesEndsAnOldOneOfItsOwn) {
  Options options;
  options.max_connections_per_ip = 2;
  const auto server = serve(options);
  Client other(server->port(), TLS1_3_VERSION, "127.0.0.2");
  ASSERT_TRUE(other.handshake());
  for (int again = 0; again < 3; ++again) expect_room_for_two(*server);
  other.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(other.receive().starts_with("HTTP/1.1 200")) << "nobody else's";
}

TEST(HttpsServer, EndsWithConnectionsOpen) {
  auto server = serve();
  Client open(server->port());
  ASSERT_TRUE(open.handshake());
  server.reset();
  EXPECT_EQ(open.receive(), "");
}

TEST(HttpsServer, SaysWhyItCannotListen) {
  const auto server = serve();
  const OwnIdentity identity("spiffe://example.org/x");
  Options options;
  options.address = "127.0.0.1";
  options.port = server->port();
  EXPECT_EQ(Server::start(options, identity.identity(), &answer).status().code(),
            Code::kUnavailable);
  options.address = "localhost";
  EXPECT_EQ(Server::start(options, identity.identity(), &answer).status().code(),
            Code::kInvalidArgument);
}

// ---- without TLS

TEST(PlainServer, AnswersOverHttpWithTheSameBounds) {
  std::signal(SIGPIPE, SIG_IGN);
  Options options;
  options.address = "127.0.0.1";
  options.max_head_bytes = 1024;
  const auto server = Server::start_plain(options, &answer);
  ASSERT_TRUE(server.ok()) << server.status().message();
  const auto ask = [&](const std::string& request) {
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons((*server)->port());
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::send(fd, request.data(), request.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(request.size()));
    std::string all;
    char buffer[4096];
    for (ssize_t n = 0; (n = ::recv(fd, buffer, sizeof buffer, 0)) > 0;) {
      all.append(buffer, static_cast<std::size_t>(n));
    }
    ::close(fd);
    return all;
  };
  const std::string whole = ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(whole.starts_with("HTTP/1.1 200 OK\r\n")) << whole.substr(0, 200);
  EXPECT_TRUE(whole.ends_with(std::string(300'000, 'x')));
  EXPECT_TRUE(ask("GET /none HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404"));
  EXPECT_TRUE(ask("nonsense\r\n\r\n").starts_with("HTTP/1.1 400"));
  EXPECT_TRUE(ask("GET ?a=b HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 400")) << "no path";
  EXPECT_TRUE(
      ask("GET / HTTP/1.1\r\nX: " + std::string(2000, 'x') + "\r\n").starts_with("HTTP/1.1 431"));
}

}  // namespace
}  // namespace signet::https_server
