// TLS, both sides: certificates with and without, verdicts, rotation, key references, and what
// another TLS implementation's client sees.
#include <list>

#include "raw_socket.h"
#include "tls_fixture.h"

// Under LeakSanitizer: what gRPC forgets is told from what we forget by the frames below OpenSSL's,
// which frame pointers do not show. Ten are enough, and more are slow.
extern "C" __attribute__((visibility("default"))) const char* __asan_default_options();
extern "C" const char* __asan_default_options() {
  return "fast_unwind_on_malloc=0:malloc_context_size=10";
}

namespace signet::test {
namespace {

TEST_F(RpcTls, BothSidesSeeEachOthersChain) {
  auto listener = serve();
  ASSERT_TRUE(listener);
  client_.intermediates = {ca_.der};
  server_.intermediates = {ca_.der};
  listener->identity_changed();
  {
    auto conn = connect(listener->address(), R"({"tls":true})", &client_);
    const auto answer = who(*conn);
    ASSERT_TRUE(answer.ok()) << answer.status().to_string();
    EXPECT_NE(answer->bytes.find("id=spiffe://test/peer chain=2 address=127.0.0.1:"),
              std::string::npos)
        << answer->bytes;
    EXPECT_NE(answer->bytes.find("user=1"), std::string::npos);
    ASSERT_TRUE(who(*conn).ok());
    EXPECT_EQ(server_.verified, 1) << "once per connection";
    EXPECT_EQ(server_.chains.front(), (std::vector<std::string>{client_.mine.der, ca_.der}));
    EXPECT_EQ(client_.chains.front().front(), server_.mine.der);
    EXPECT_TRUE(server_.addresses.front().starts_with("127.0.0.1:"));
  }
  EXPECT_TRUE(eventually([&] { return server_.live == 0; }));
  EXPECT_EQ(client_.live, 0) << "closed before hang_up returned";
  EXPECT_TRUE(listener->close(1s).ok());
}

TEST_F(RpcTls, AnAnonymousClientIsVerifiedWithAnEmptyChain) {
  auto listener = serve();
  ASSERT_TRUE(listener);
  client_.mine = {};
  auto conn = connect(listener->address(), R"({"tls":true})", &client_);
  const auto answer = who(*conn);
  ASSERT_TRUE(answer.ok()) << answer.status().to_string();
  EXPECT_NE(answer->bytes.find("id= chain=0"), std::string::npos) << answer->bytes;
  EXPECT_EQ(server_.verified, 1);
}

TEST_F(RpcTls, TheServersRefusalEndsTheHandshake) {
  auto listener = serve();
  ASSERT_TRUE(listener);
  server_.refusal = Status::unauthenticated("no such trust domain");
  auto conn = connect(listener->address(), R"({"tls":true})", &client_);
  const auto answer = who(*conn);
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.status().code(), Code::kUnavailable);
  EXPECT_EQ(server_.live, 0);
}

TEST_F(RpcTls, TheClientsRefusalReachesItsCalls) {
  auto listener = serve();
  ASSERT_TRUE(listener);
  client_.refusal = Status::unauthenticated("x509svid: certificate signed by unknown authority");
  auto conn = connect(listener->address(), R"({"tls":true})", &client_);
  const auto answer = who(*conn);
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.status().code(), Code::kUnavailable);
  EXPECT_NE(answer.status().message().find("signed by unknown authority"), std::string::npos)
      << answer.status().message();
}

TEST_F(RpcTls, ANewIdentityIsShownWithinTwoSecondsWhileServing) {
  auto listener = serve();
  ASSERT_TRUE(listener);
  auto old_conn = connect(listener->address(), R"({"tls":true})", &client_);
  ASSERT_TRUE(who(*old_conn).ok());
  {
    std::lock_guard lock(server_.mutex);
    server_.mine = make_certificate("server", "spiffe://test/server", &ca_);
  }
  listener->identity_changed();
  EXPECT_TRUE(eventually(
      [&] {
        FakeAcceptor fresh;
        fresh.mine = client_.mine;
        auto conn = connect(listener->address(), R"({"tls":true})", &fresh);
        EXPECT_TRUE(who(*conn).ok());
        return fresh.chains.front().front() == server_.mine.der;
      },
      5s));
  EXPECT_TRUE(who(*old_conn).ok()) << "an open connection goes on";
}

// sign() of a key manager that holds one key.
struct OneKey {
  std::shared_ptr<EVP_PKEY> key;
  std::atomic<int> signatures{0};
};
signet_status sign_with_one_key(signet_instance* instance, signet_call* call,
                                const signet_sign_req* request) {
  auto& self = *reinterpret_cast<OneKey*>(instance);
  EVP_PKEY_CTX* context = EVP_PKEY_CTX_new(self.key.get(), nullptr);
  unsigned char out[128];
  size_t size = sizeof out;
  EVP_PKEY_sign_init(context);
  EVP_PKEY_sign(context, out, &size, request->digest.ptr, request->digest.len);
  EVP_PKEY_CTX_free(context);
  ++self.signatures;
  call->ops->emit(call, SIGNET_KIND_SIGNATURE, out, size);
  return SIGNET_OK;
}

TEST_F(RpcTls, AKeyOfAKeyManagerSignsTheHandshakes) {
  OneKey keys{client_.mine.key, {}};
  const signet_key_manager table = {sizeof table, 0, nullptr, nullptr, &sign_with_one_key};
  test_host().key_manager = &table;
  test_host().key_manager_self = &keys;
  client_.key_manager = "memory";
  auto listener = serve();
  ASSERT_TRUE(listener);
  auto conn = connect(listener->address(), R"({"tls":true})", &client_);
  const auto answer = who(*conn);
  ASSERT_TRUE(answer.ok()) << answer.status().to_string();
  EXPECT_NE(answer->bytes.find("chain=1"), std::string::npos);
  EXPECT_GE(keys.signatures, 1);
  test_host().key_manager = nullptr;
}

// All of a caller's workers may wait for answers on a connection that is not there yet.
TEST_F(RpcTls, AConnectionComesUpWhileAllWorkersWaitForIt) {
  TestHost elsewhere;
  elsewhere.rpc = rpc_grpc::rpc_table();
  OneKey keys{client_.mine.key, {}};
  const signet_key_manager table = {sizeof table, 0, nullptr, nullptr, &sign_with_one_key};
  test_host().key_manager = &table;
  test_host().key_manager_self = &keys;
  client_.key_manager = "memory";
  host_ = elsewhere.host();
  auto listener = serve();
  host_ = test_host().host();
  ASSERT_TRUE(listener);
  auto conn = connect(listener->address(), R"({"tls":true})", &client_);
  constexpr int kCalls = 12;  // the host has six
  std::atomic<int> good{0};
  std::atomic<int> over{0};
  for (int i = 0; i < kCalls; ++i) {
    ASSERT_TRUE(host_
                    .post([&] {
                      good += who(*conn).ok() ? 1 : 0;
                      ++over;
                    })
                    .ok());
  }
  EXPECT_TRUE(eventually([&] { return over == kCalls; }, 3 * patience()));
  EXPECT_EQ(good, kCalls);
  test_host().key_manager = nullptr;
}

TEST_F(RpcTls, AListenersKeyMayStayInAKeyManagerToo) {
  OneKey keys{server_.mine.key, {}};
  const signet_key_manager table = {sizeof table, 0, nullptr, nullptr, &sign_with_one_key};
  test_host().key_manager = &table;
  test_host().key_manager_self = &keys;
  server_.key_manager = "memory";
  auto listener = serve();
  ASSERT_TRUE(listener);
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    RawSocket c(listener->address());
    c.only_version(version);
    EXPECT_TRUE(c.handshake()) << version << " " << c.error;
  }
  EXPECT_EQ(keys.signatures, 2);
  test_host().key_manager = nullptr;
  RawSocket c(listener->address());
  EXPECT_FALSE(c.handshake()) << "without the key manager there is no signature";
  EXPECT_TRUE(logged("Signing a handshake failed"));
}

TEST_F(RpcTls, DisconnectEndsThePeersConnections) {
  auto listener = serve();
  ASSERT_TRUE(listener);
  auto conn = connect(listener->address(), R"({"tls":true})", &client_);
  ASSERT_TRUE(who(*conn).ok());
  EXPECT_EQ(server_.live, 1);
  listener->disconnect("spiffe://test/peer");
  EXPECT_TRUE(eventually([&] { return server_.live == 0; }));
}

// A fleet behind a balancer has one address.
TEST_F(RpcTls, CallersWithAnIdCountForItAndNotForTheirAddress) {
  auto listener = serve(R"({"tls":true,"client_certificate":"asked","max_connections_per_ip":2})");
  ASSERT_TRUE(listener);
  std::list<FakeAcceptor> clients;
  std::vector<std::unique_ptr<RpcConnection>> connections;
  const auto let_in = [&](const std::string& id) {
    server_.peer_id = id;
    clients.emplace_back().mine = id.empty() ? Certified{} : client_.mine;
    connections.push_back(connect(listener->address(), R"({"tls":true})", &clients.back()));
    const bool in = who(*connections.back()).ok();
    if (!in) connections.pop_back();  // else it tries again by itself and takes another's place
    return in;
  };
  for (const char* id : {"a", "b", "c", "d", "a"}) EXPECT_TRUE(let_in(id)) << id;
  EXPECT_FALSE(let_in("a"));
  EXPECT_TRUE(logged("too many connections of this caller"));
  connections.front().reset();
  EXPECT_TRUE(eventually([&] { return let_in("a"); }));
  EXPECT_TRUE(let_in(""));
  EXPECT_TRUE(let_in(""));
  EXPECT_FALSE(let_in("")) << "nobody knows who that is but by the address";
  EXPECT_FALSE(let_in("e")) << "it is not known before the handshake";
}

TEST_F(RpcTls, ManyClientsAtOnceAreEachVerifiedOnce) {
  auto listener = serve();
  ASSERT_TRUE(listener);
  std::vector<std::thread> threads;
  std::atomic<int> good{0};
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 5; ++n) {
        FakeAcceptor mine;
        mine.mine = client_.mine;  // the same leaf for all: the hardest case
        auto conn = connect(listener->address(), R"({"tls":true})", &mine);
        const auto answer = who(*conn);
        EXPECT_TRUE(answer.ok()) << answer.status().to_string();
        good += answer.ok();
      }
    });
  }
  for (auto& t : threads) t.join();
  EXPECT_EQ(good, 40);
  EXPECT_EQ(server_.verified, 40);
  EXPECT_TRUE(eventually([&] { return server_.live == 0; }));
}

TEST_F(RpcTls, NoVersionBelowTls12AndNoWeakCipherIsSpoken) {
  auto listener = serve();
  ASSERT_TRUE(listener);
  {
    RawSocket old(listener->address());
    SSL_CTX_set_security_level(old.context, 0);
    SSL_CTX_set_min_proto_version(old.context, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(old.context, TLS1_1_VERSION);
    EXPECT_FALSE(old.handshake());
  }
  for (const char* weak :
       {"ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA384", "AES128-GCM-SHA256"}) {
    RawSocket c(listener->address());
    SSL_CTX_set_max_proto_version(c.context, TLS1_2_VERSION);
    SSL_CTX_set_cipher_list(c.context, weak);
    EXPECT_FALSE(c.handshake()) << weak;
  }
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    RawSocket c(listener->address());
    SSL_CTX_set_min_proto_version(c.context, version);
    SSL_CTX_set_max_proto_version(c.context, version);
    ASSERT_TRUE(c.handshake()) << version;
    const unsigned char* alpn = nullptr;
    unsigned n = 0;
    SSL_get0_alpn_selected(c.ssl, &alpn, &n);
    EXPECT_EQ(std::string_view(reinterpret_cast<const char*>(alpn), n), "h2");
  }
}

TEST_F(RpcTls, NoSessionIsResumed) {
  auto listener = serve();
  ASSERT_TRUE(listener);
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    RawSocket first(listener->address());
    SSL_CTX_set_min_proto_version(first.context, version);
    SSL_CTX_set_max_proto_version(first.context, version);
    static int tickets = 0;
    tickets = 0;
    SSL_CTX_set_session_cache_mode(first.context, SSL_SESS_CACHE_CLIENT);
    SSL_CTX_sess_set_new_cb(first.context, [](SSL*, SSL_SESSION*) {
      ++tickets;
      return 0;
    });
    ASSERT_TRUE(first.handshake());
    // The server's first HTTP/2 frame comes after any ticket.
    char byte;
    EXPECT_EQ(SSL_read(first.ssl, &byte, 1), 1);
    SSL_SESSION* session = SSL_get1_session(first.ssl);
    if (version == TLS1_3_VERSION) {
      EXPECT_EQ(tickets, 0);
    } else {
      EXPECT_FALSE(SSL_SESSION_has_ticket(session));
    }
    RawSocket second(listener->address());
    SSL_CTX_set_min_proto_version(second.context, version);
    SSL_CTX_set_max_proto_version(second.context, version);
    ASSERT_TRUE(second.handshake(session));
    EXPECT_FALSE(SSL_session_reused(second.ssl)) << version;
    SSL_SESSION_free(session);
  }
}

}  // namespace
}  // namespace signet::test
