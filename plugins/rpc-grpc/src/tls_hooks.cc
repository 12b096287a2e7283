#include "tls_hooks.h"

#include <utility>

#include <openssl/ssl.h>

namespace signet::rpc_grpc {
namespace {

using Done = ServerHandshake::Done;

thread_local Done* current = nullptr;
int slot = -1;

std::string der_of(X509* certificate) {
  unsigned char* data = nullptr;
  const int size = i2d_X509(certificate, &data);
  if (size <= 0) return {};
  std::string der(reinterpret_cast<char*>(data), static_cast<std::size_t>(size));
  OPENSSL_free(data);
  return der;
}

// gRPC sets its own info callback, so the messages are watched instead: with the client's
// Finished, its certificate has been read.
void message_event(int sent, int, int content_type, const void* data, std::size_t size, SSL* ssl,
                   void*) {
  if (sent || content_type != SSL3_RT_HANDSHAKE || size == 0) return;
  if (*static_cast<const unsigned char*>(data) != SSL3_MT_FINISHED) return;
  auto* done = static_cast<Done*>(SSL_get_ex_data(ssl, slot));
  if (!done || !*done) return;
  try {
    std::vector<std::string> chain;
    // On the server's side OpenSSL keeps the leaf apart from the rest.
    if (X509* leaf = SSL_get1_peer_certificate(ssl)) {
      chain.push_back(der_of(leaf));
      X509_free(leaf);
      const STACK_OF(X509)* rest = SSL_get_peer_cert_chain(ssl);
      for (int i = 0; rest && i < sk_X509_num(rest); ++i)
        chain.push_back(der_of(sk_X509_value(rest, i)));
    }
    std::exchange(*done, nullptr)(std::move(chain));
  } catch (...) {  // out of memory: the verifier finds no handshake and refuses
  }
}

void ssl_made(void* parent, void*, CRYPTO_EX_DATA*, int, long, void*) {
  if (!current) return;
  auto* ssl = static_cast<SSL*>(parent);
  SSL_set_options(ssl,
                  SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_set_num_tickets(ssl, 0);
  SSL_CTX_set_session_cache_mode(SSL_get_SSL_CTX(ssl), SSL_SESS_CACHE_OFF);
  SSL_set_ex_data(ssl, slot, new Done(*current));
  SSL_set_msg_callback(ssl, &message_event);
}

void ssl_freed(void*, void* held, CRYPTO_EX_DATA*, int, long, void*) {
  delete static_cast<Done*>(held);
}

}  // namespace

ServerHandshake::ServerHandshake(Done done) : done_(std::move(done)) {
  static const int index = SSL_get_ex_new_index(0, nullptr, &ssl_made, nullptr, &ssl_freed);
  slot = index;
  current = &done_;
}

ServerHandshake::~ServerHandshake() { current = nullptr; }

}  // namespace signet::rpc_grpc
