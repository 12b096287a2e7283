#include "workload_client/tls.h"

#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include "fake_transport.h"
#include "test_authority.h"

namespace signet::workload_client {
namespace {

using testing::FakeTransport;
using testing::TestAuthority;

// A source that has its identity.
struct Peer {
  FakeTransport transport;
  X509Source source{transport};
  explicit Peer(const std::string& answer) {
    transport.wait_opened(1);
    transport.send(answer);
  }
};

struct Handshake {
  bool ok = false;
  Result<SpiffeId> server_saw = Status::unauthenticated("");
  Result<SpiffeId> client_saw = Status::unauthenticated("");
  Status server_verdict;
  Status client_verdict;
};

// Both ends in memory, stepped in turn.
Handshake shake(const TlsContext& server, const TlsContext& client) {
  SSL* s = SSL_new(server.get());
  SSL* c = SSL_new(client.get());
  BIO* a = nullptr;
  BIO* b = nullptr;
  BIO_new_bio_pair(&a, 0, &b, 0);
  SSL_set_bio(s, a, a);
  SSL_set_bio(c, b, b);
  SSL_set_accept_state(s);
  SSL_set_connect_state(c);
  int done_s = 0;
  int done_c = 0;
  for (int step = 0; step < 20 && !(done_s == 1 && done_c == 1); ++step) {
    if (done_c != 1) done_c = SSL_do_handshake(c);
    if (done_s != 1) done_s = SSL_do_handshake(s);
  }
  Handshake out;
  out.ok = done_s == 1 && done_c == 1;
  out.server_saw = peer_id(s);
  out.client_saw = peer_id(c);
  out.server_verdict = handshake_verdict(s);
  out.client_verdict = handshake_verdict(c);
  SSL_free(s);
  SSL_free(c);
  return out;
}

TEST(Tls, BothSidesLearnWhoTheOtherIs) {
  TestAuthority authority("example.org");
  Peer web(authority.answer("/web"));
  Peer db(authority.answer("/db"));
  const auto server = make_server_context(db.source, authorize_any()).value();
  const auto client =
      make_client_context(web.source,
                          authorize_id(SpiffeId::parse("spiffe://example.org/db").value()))
          .value();
  const Handshake h = shake(*server, *client);
  ASSERT_TRUE(h.ok) << h.client_verdict.to_string() << h.server_verdict.to_string();
  EXPECT_EQ(h.server_saw->to_string(), "spiffe://example.org/web");
  EXPECT_EQ(h.client_saw->to_string(), "spiffe://example.org/db");
}

TEST(Tls, ARotationShowsInTheNextHandshakeOfTheSameContext) {
  TestAuthority authority("example.org");
  Peer web(authority.answer("/web"));
  Peer db(authority.answer("/db"));
  const auto server = make_server_context(db.source, authorize_any()).value();
  const auto client = make_client_context(web.source, authorize_any()).value();
  ASSERT_TRUE(shake(*server, *client).ok);
  web.transport.send(authority.answer("/renamed"));
  const Handshake h = shake(*server, *client);
  ASSERT_TRUE(h.ok);
  EXPECT_EQ(h.server_saw->path(), "/renamed");
}

TEST(Tls, APeerThatIsNotAuthorisedIsRefusedAndNamed) {
  TestAuthority authority("example.org");
  Peer web(authority.answer("/web"));
  Peer db(authority.answer("/db"));
  const auto server = make_server_context(db.source, authorize_any()).value();
  const auto client =
      make_client_context(web.source,
                          authorize_id(SpiffeId::parse("spiffe://example.org/other").value()))
          .value();
  const Handshake h = shake(*server, *client);
  EXPECT_FALSE(h.ok);
  EXPECT_EQ(h.client_verdict.code(), Code::kPermissionDenied);
  EXPECT_NE(h.client_verdict.message().find("spiffe://example.org/db"), std::string::npos);
}

// Rule 22: the bundle of the leaf's own trust domain decides, no other.
TEST(Conformance, Rule22_AForeignDomainNeedsItsOwnBundle) {
  TestAuthority ours("example.org");
  TestAuthority theirs("partner.org");
  TestAuthority impostor("example.org");
  Peer web(ours.answer("/web"));
  Peer stranger(theirs.answer("/web"));
  Peer fake(impostor.answer("/web"));
  const auto client = make_client_context(web.source, authorize_any()).value();
  EXPECT_FALSE(shake(*make_server_context(stranger.source, authorize_any()).value(), *client).ok);
  EXPECT_FALSE(shake(*make_server_context(fake.source, authorize_any()).value(), *client).ok);

  ours.federate(theirs);
  theirs.federate(ours);
  web.transport.send(ours.answer("/web"));
  stranger.transport.send(theirs.answer("/web"));
  const Handshake h =
      shake(*make_server_context(stranger.source, authorize_any()).value(), *client);
  ASSERT_TRUE(h.ok) << h.client_verdict.to_string();
  EXPECT_EQ(h.client_saw->to_string(), "spiffe://partner.org/web");
  const auto only_ours = make_client_context(
      web.source, authorize_member_of(TrustDomain::parse("example.org").value()));
  EXPECT_FALSE(
      shake(*make_server_context(stranger.source, authorize_any()).value(), **only_ours).ok);
}

TEST(Tls, AnExpiredSvidIsRefused) {
  TestAuthority authority("example.org");
  Peer web(authority.answer("/web"));
  Peer db(authority.answer("/db", std::chrono::seconds(-5)));
  const auto server = make_server_context(db.source, authorize_any()).value();
  const auto client = make_client_context(web.source, authorize_any()).value();
  EXPECT_FALSE(shake(*server, *client).ok);
}

TEST(Tls, AClientWithoutACertificateIsRefused) {
  TestAuthority authority("example.org");
  Peer db(authority.answer("/db"));
  FakeTransport silent;
  X509Source nothing(silent);
  const auto server = make_server_context(db.source, authorize_any()).value();
  const auto client = make_client_context(nothing, authorize_any()).value();
  EXPECT_FALSE(shake(*server, *client).ok);
}

}  // namespace
}  // namespace signet::workload_client
