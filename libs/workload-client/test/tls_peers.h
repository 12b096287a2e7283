// A source that has its identity, and TLS handshakes between two contexts in memory.
#pragma once

#include <openssl/ssl.h>

#include "fake_transport.h"
#include "test_authority.h"
#include "workload_client/tls.h"

namespace signet::workload_client::testing {

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

// Both ends in memory, stepped in turn, then freed.
inline Handshake shake(SSL* s, SSL* c) {
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

inline Handshake shake(const TlsContext& server, const TlsContext& client) {
  return shake(SSL_new(server.get()), SSL_new(client.get()));
}

}  // namespace signet::workload_client::testing
