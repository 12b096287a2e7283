// Mutual TLS by X509-SVIDs on OpenSSL: contexts that always use the source's current identity and
// judge the peer by the SPIFFE rules.
//
//   auto ours = authorize_member_of(*TrustDomain::parse("example.org"));
//   auto server = make_server_context(source, ours);
//   SSL* ssl = SSL_new((*server)->get());
//   ... SSL_accept(ssl) ... peer_id(ssl)
//
// There is no way to leave verification out. Identity, bundles and time are those of the moment of
// each handshake. What a context needs lives as long as its last connection; a source that ended
// leaves it with the last identity.
#pragma once

#include <memory>

#include "workload_client/authorize.h"
#include "workload_client/bundle_sources.h"
#include "workload_client/x509_source.h"

typedef struct ssl_st SSL;
typedef struct ssl_ctx_st SSL_CTX;

namespace signet::workload_client {

class TlsContext {
 public:
  virtual ~TlsContext() = default;
  virtual SSL_CTX* get() const = 0;
};

/// TLS 1.2 or newer, ECDHE with AEAD, no tickets and no resumption: each connection is verified.
/// Errors   kInvalidArgument: `authorize` is empty; kInternal: OpenSSL has no memory
Result<std::unique_ptr<TlsContext>> make_server_context(const X509Source& source,
                                                        Authorize authorize);
Result<std::unique_ptr<TlsContext>> make_client_context(const X509Source& source,
                                                        Authorize authorize);
/// A client that shows no certificate, for servers that ask for none; it judges the server all the
/// same.
Result<std::unique_ptr<TlsContext>> make_client_context(const X509BundleSource& source,
                                                        Authorize authorize);

/// Who the peer of a finished handshake is. Errors   kUnauthenticated
Result<SpiffeId> peer_id(SSL* ssl);
/// Why we refused the peer's certificates in the last handshake on this connection; ok if we did
/// not, which is not to say that the handshake came to its end.
Status handshake_verdict(SSL* ssl);

}  // namespace signet::workload_client
