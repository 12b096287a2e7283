// What strangers do to a TLS port. The clients are bytes and OpenSSL, no gRPC.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "h2_wire.h"
#include "tls_fixture.h"
#include "tls_handshake.h"

namespace signet::test {
namespace {

class RpcTlsHostile : public RpcTls {
 protected:
  RpcTlsHostile() { listener_ = serve(); }
  ~RpcTlsHostile() override {
    rpc_grpc::tls_handshake_timeout_ns = timeout_;
    EXPECT_TRUE(listener_->close(1s).ok());
    EXPECT_EQ(server_.live, 0) << "closed() for each verdict, before close() is done";
  }

  void open_anew(const std::string& options) {
    EXPECT_TRUE(listener_->close(0s).ok());
    listener_ = serve(options);
  }
  std::string answer(const std::string& path = "/t.T/Who") {
    h2::Socket s(listener_->address(), true);
    return s.connected() && s.send(h2::preface()) ? h2::call(s, 1, path, "?").message : "";
  }
  bool still_serves() { return answer().starts_with("id= chain=0"); }

  const int64_t timeout_ = rpc_grpc::tls_handshake_timeout_ns;
  std::unique_ptr<RpcListener> listener_;
};

TEST_F(RpcTlsHostile, ARefusedChainIsToldByAnAlert) {
  server_.refusal = Status::unauthenticated("no such trust domain");
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    RawSocket c(listener_->address());
    c.only_version(version);
    c.show(client_.mine);
    // With TLS 1.3 the client has finished before the server judges.
    EXPECT_EQ(c.handshake(), version == TLS1_3_VERSION);
    if (version == TLS1_3_VERSION) {
      EXPECT_TRUE(c.write(h2::preface()));
    }
    EXPECT_TRUE(c.ended());
    EXPECT_NE(c.error.find("bad certificate"), std::string::npos) << c.error;
  }
  EXPECT_TRUE(logged("Caller refused in the handshake"));
  server_.refusal = Status();
  EXPECT_TRUE(still_serves());
}

TEST_F(RpcTlsHostile, ARefusedAnonymousCallerIsClosed) {
  server_.refusal = Status::unauthenticated("show a certificate");
  RawSocket c(listener_->address());
  c.handshake();
  EXPECT_TRUE(c.ended());
  EXPECT_TRUE(logged("a caller without certificate is refused"));
}

TEST_F(RpcTlsHostile, AChainWithoutItsKeyIsNotLetIn) {
  // The certificate's public key and another's private one: OpenSSL's client sees no mismatch.
  const Certified thief = make_certificate("thief", "spiffe://test/thief", nullptr);
  EC_KEY* mixed = EC_KEY_dup(EVP_PKEY_get0_EC_KEY(client_.mine.key.get()));
  EC_KEY_set_private_key(mixed, EC_KEY_get0_private_key(EVP_PKEY_get0_EC_KEY(thief.key.get())));
  Certified stolen = client_.mine;
  stolen.key.reset(EVP_PKEY_new(), EVP_PKEY_free);
  EVP_PKEY_assign_EC_KEY(stolen.key.get(), mixed);
  RawSocket c(listener_->address());
  c.show(stolen);
  c.handshake();
  EXPECT_TRUE(c.ended());
  EXPECT_TRUE(logged("TLS handshake failed reason=bad signature"));
  EXPECT_EQ(server_.verified, 1) << "asked before the proof, and told closed() after its failure";
  EXPECT_TRUE(eventually([&] { return server_.live == 0; }));
}

TEST_F(RpcTlsHostile, WithoutAlpnOrWithAnotherProtocolItEnds) {
  RawSocket none(listener_->address());
  none.handshake(nullptr, "");
  EXPECT_TRUE(none.ended());
  EXPECT_TRUE(logged("TLS handshake failed reason=the caller offers no ALPN protocol"));
  RawSocket other(listener_->address());
  EXPECT_FALSE(other.handshake(nullptr, "\x08http/1.1"));
  EXPECT_NE(other.error.find("no application protocol"), std::string::npos) << other.error;
  RawSocket among(listener_->address());
  EXPECT_TRUE(among.handshake(nullptr, "\x08http/1.1\x02h2"));
  EXPECT_TRUE(still_serves());
}

TEST_F(RpcTlsHostile, PlainTextAndGarbageEndAtOnceAndAreNamed) {
  for (const std::string& bytes :
       {std::string("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), h2::preface(), std::string(500, '\xff'),
        std::string(5, '\0'), std::string("\x16\x03\x01\x7f\xff", 5) + std::string(40'000, 'x')}) {
    RawSocket c(listener_->address());
    c.write(bytes);
    EXPECT_TRUE(c.ended());
  }
  EXPECT_TRUE(logged("TLS handshake failed reason=http request"));
  EXPECT_TRUE(logged("TLS handshake failed reason=wrong version number"));
  EXPECT_TRUE(still_serves());
}

TEST_F(RpcTlsHostile, NothingAndHalfARecordAreClosedInTime) {
  rpc_grpc::tls_handshake_timeout_ns = 150'000'000;
  RawSocket silent(listener_->address());
  RawSocket half(listener_->address());
  half.write(std::string("\x16\x03\x01\x02\x00\x01", 6));
  RawSocket slow(listener_->address());
  std::thread drip([&] {
    const std::string hello = std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11);
    for (const char c : hello) {
      if (!slow.write({&c, 1})) return;
      std::this_thread::sleep_for(30ms);
    }
  });
  EXPECT_TRUE(silent.ended());
  EXPECT_TRUE(half.ended());
  EXPECT_TRUE(slow.ended());
  drip.join();
  EXPECT_TRUE(logged("TLS handshake failed reason=no handshake in time"));
  EXPECT_EQ(server_.verified, 0);
  rpc_grpc::tls_handshake_timeout_ns = timeout_;
  EXPECT_TRUE(still_serves());
}

TEST_F(RpcTlsHostile, OneHandshakeTooManyEndsTheOldest) {
  open_anew(R"({"tls":true,"max_handshakes":3})");
  RawSocket first(listener_->address());
  RawSocket second(listener_->address());
  RawSocket third(listener_->address());
  EXPECT_TRUE(still_serves()) << "the newcomer is let in";
  EXPECT_TRUE(logged("too many handshakes at once"));
  // Loops count side by side, so which of three that came at once is the oldest is open.
  EXPECT_EQ(first.handshake() + second.handshake() + third.handshake(), 2);
}

TEST_F(RpcTlsHostile, ACallerThatLeavesInTheHandshakeLeavesNothing) {
  for (int i = 0; i < 40; ++i) {
    RawSocket c(listener_->address());
    c.show(client_.mine);
    if (i % 4 == 0) continue;
    if (i % 4 == 1) c.write(std::string("\x16\x03\x01\x02\x00\x01", 6));
    if (i % 4 == 2) {
      SSL_CTX_set_mode(c.context, SSL_MODE_AUTO_RETRY);
      const linger hard{1, 0};
      setsockopt(c.fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);  // a reset, not an end
      c.handshake();
    }
    if (i % 4 == 3) c.handshake();
  }
  EXPECT_TRUE(still_serves());
  EXPECT_TRUE(eventually([&] { return server_.live == 0; }));
}

TEST_F(RpcTlsHostile, RenegotiationIsRefused) {
  RawSocket c(listener_->address());
  c.only_version(TLS1_2_VERSION);
  ASSERT_TRUE(c.handshake());
  char bytes[100];
  ASSERT_GT(c.read(bytes, sizeof bytes), 0) << "the server's SETTINGS";
  SSL_renegotiate(c.ssl);
  const int result = SSL_do_handshake(c.ssl);
  const int n = result == 1 ? SSL_read(c.ssl, bytes, sizeof bytes) : -1;
  const std::string words = ERR_reason_error_string(ERR_peek_last_error());
  ERR_clear_error();
  EXPECT_LE(n, 0);
  EXPECT_EQ(words, "no renegotiation");
  EXPECT_EQ(server_.verified, 1);
  EXPECT_TRUE(still_serves());
}

TEST_F(RpcTlsHostile, KeyUpdatesAreAnswered) {
  h2::Socket s(listener_->address(), true);
  ASSERT_TRUE(s.send(h2::preface()));
  for (uint32_t i = 0; i < 5; ++i) {
    SSL_key_update(s.raw().ssl, SSL_KEY_UPDATE_REQUESTED);
    EXPECT_NE(h2::call(s, 2 * i + 1, "/t.T/Who", "?").message, "") << i;
  }
  for (int i = 0; i < 2000; ++i) {  // whose answers nobody reads
    SSL_key_update(s.raw().ssl, SSL_KEY_UPDATE_REQUESTED);
    if (SSL_do_handshake(s.raw().ssl) != 1) break;
  }
  ERR_clear_error();
  EXPECT_TRUE(still_serves());
}

TEST_F(RpcTlsHostile, TheNewCertificateIsShownAtOnceAndOldConnectionsGoOn) {
  h2::Socket before(listener_->address(), true);
  ASSERT_TRUE(before.send(h2::preface()));
  ASSERT_NE(h2::call(before, 1, "/t.T/Who", "?").message, "");
  {
    std::lock_guard lock(server_.mutex);
    server_.mine = make_certificate("server", "spiffe://test/server", &ca_);
  }
  listener_->identity_changed();
  EXPECT_TRUE(eventually([&] {
    RawSocket c(listener_->address());
    EXPECT_TRUE(c.handshake());
    X509* shown = SSL_get1_peer_certificate(c.ssl);
    const std::string der = der_of(shown);
    X509_free(shown);
    return der == server_.mine.der;
  }));
  EXPECT_NE(h2::call(before, 3, "/t.T/Who", "?").message, "");
}

TEST_F(RpcTlsHostile, AnIdentityThatCannotBeLoadedLeavesTheOldOne) {
  {
    std::lock_guard lock(server_.mutex);
    server_.mine.pkcs8 = client_.mine.pkcs8;
  }
  listener_->identity_changed();
  EXPECT_TRUE(logged("Failed to load the new TLS certificate"));
  EXPECT_TRUE(still_serves());
}

TEST_F(RpcTlsHostile, RecordsAreCutWhereTheyAreCutAndStillWhole) {
  // The same bytes in one record, in one record each, and in TCP segments of a byte.
  const std::string bytes = h2::preface() + h2::request(1, "/t.T/Who") +
                            h2::frame(h2::kData, h2::kEndStream, 1, h2::message("?"));
  h2::Socket each(listener_->address(), true);
  for (const char c : bytes) ASSERT_TRUE(each.send({&c, 1}));
  EXPECT_NE(each.next(h2::kData).body, "");
  h2::Socket whole(listener_->address(), true);
  ASSERT_TRUE(whole.send(bytes));
  EXPECT_NE(whole.next(h2::kData).body, "");
}

TEST_F(RpcTlsHostile, BrokenRecordsAfterTheHandshakeEndTheConnection) {
  RawSocket c(listener_->address());
  ASSERT_TRUE(c.handshake());
  const std::string bad = std::string("\x17\x03\x03\x00\x20", 5) + std::string(32, 'x');
  EXPECT_GT(::send(c.fd, bad.data(), bad.size(), MSG_NOSIGNAL), 0);
  EXPECT_TRUE(c.ended());
  EXPECT_TRUE(logged("Connection closed reason=decryption failed or bad record mac"));
  EXPECT_TRUE(still_serves());
}

}  // namespace
}  // namespace signet::test
