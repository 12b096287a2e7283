#include "workload_client/tls.h"

#include <stdexcept>

#include <gtest/gtest.h>

#include "tls_peers.h"

namespace signet::workload_client {
namespace {

using testing::FakeTransport;
using testing::Handshake;
using testing::Peer;
using testing::shake;
using testing::TestAuthority;

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

// What has been judged by then is a certificate, which anybody can show; that the peer has its key
// is found out later.
TEST(Tls, NobodyIsThePeerOfAHandshakeThatIsNotOver) {
  TestAuthority authority("example.org");
  Peer web(authority.answer("/web"));
  Peer db(authority.answer("/db"));
  const auto server = make_server_context(db.source, authorize_any()).value();
  const auto client = make_client_context(web.source, authorize_any()).value();
  SSL* const s = SSL_new(server->get());
  SSL* const c = SSL_new(client->get());
  BIO* a = nullptr;
  BIO* b = nullptr;
  BIO_new_bio_pair(&a, 16, &b, 16);  // a few bytes at a time
  SSL_set_bio(s, a, a);
  SSL_set_bio(c, b, b);
  SSL_set_accept_state(s);
  SSL_set_connect_state(c);
  int judged_before = 0;
  for (int step = 0; step < 10'000 && SSL_is_init_finished(s) + SSL_is_init_finished(c) < 2;
       ++step) {
    for (SSL* const end : {c, s}) {
      SSL_do_handshake(end);
      if (SSL_is_init_finished(end)) continue;
      EXPECT_EQ(peer_id(end).status().code(), Code::kUnauthenticated);
      if (handshake_verdict(end).ok()) ++judged_before;
    }
  }
  EXPECT_GT(judged_before, 0) << "no step between the certificate and the end was seen";
  EXPECT_EQ(peer_id(s)->path(), "/web");
  EXPECT_EQ(peer_id(c)->path(), "/db");
  SSL_free(s);
  SSL_free(c);
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

TEST(Tls, AnAuthorisingFunctionDecidesAndMayThrow) {
  TestAuthority authority("example.org");
  Peer web(authority.answer("/web"));
  Peer db(authority.answer("/db"));
  const auto client = make_client_context(web.source, authorize_any()).value();
  const auto picky =
      make_server_context(db.source, [](const SpiffeId& peer) {
        return peer.path() == "/web" ? Status::permission_denied("not today") : Status();
      }).value();
  const Handshake refused = shake(*picky, *client);
  EXPECT_FALSE(refused.ok);
  EXPECT_EQ(refused.server_verdict.message(), "not today");
  const auto thrower = make_server_context(db.source, [](const SpiffeId&) -> Status {
                         throw std::runtime_error("x");
                       }).value();
  EXPECT_EQ(shake(*thrower, *client).server_verdict.code(), Code::kInternal);
  EXPECT_EQ(make_server_context(db.source, nullptr).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(make_client_context(db.source, {}).status().code(), Code::kInvalidArgument);
}

// A program may drop contexts and sources while connections go on.
TEST(Tls, WhatAConnectionNeedsLivesAsLongAsItself) {
  TestAuthority authority("example.org");
  SSL* ssl = nullptr;
  std::unique_ptr<TlsContext> client;
  Peer db(authority.answer("/db"));
  {
    Peer web(authority.answer("/web"));
    const auto context = make_server_context(web.source, authorize_any()).value();
    client = make_client_context(web.source, authorize_any()).value();
    ssl = SSL_new(context->get());
  }
  const auto server = make_server_context(db.source, authorize_any()).value();
  EXPECT_TRUE(shake(*server, *client).ok) << "the source is gone, its last identity is not";
  const Handshake h = shake(ssl, SSL_new(client->get()));
  EXPECT_TRUE(h.ok) << h.client_verdict.to_string();
  EXPECT_EQ(h.client_saw->path(), "/web");
}

TEST(Tls, AClientWithBundlesOnlyJudgesAServerThatAsksForNothing) {
  TestAuthority authority("example.org");
  TestAuthority impostor("example.org");
  FakeTransport transport;
  X509BundleSource bundles(transport);
  Peer db(authority.answer("/db"));
  Peer fake(impostor.answer("/db"));
  const auto open = make_server_context(db.source, authorize_any()).value();
  const auto open_fake = make_server_context(fake.source, authorize_any()).value();
  for (const auto* server : {&open, &open_fake})
    SSL_CTX_set_verify((*server)->get(), SSL_VERIFY_NONE, nullptr);
  const auto client =
      make_client_context(bundles, authorize_id(SpiffeId::parse("spiffe://example.org/db").value()))
          .value();
  EXPECT_FALSE(shake(*open, *client).ok) << "no bundle yet";
  ::X509BundlesResponse answer;
  (*answer.mutable_bundles())["spiffe://example.org"] = authority.bundle_der();
  transport.wait_opened(1);
  transport.send(answer.SerializeAsString());
  const Handshake h = shake(*open, *client);
  EXPECT_TRUE(h.ok) << h.client_verdict.to_string();
  EXPECT_EQ(h.client_saw->path(), "/db");
  EXPECT_FALSE(shake(*open_fake, *client).ok);
  const auto mutual = make_server_context(db.source, authorize_any()).value();
  EXPECT_FALSE(shake(*mutual, *client).ok) << "there a certificate is asked for";
}

}  // namespace
}  // namespace signet::workload_client
