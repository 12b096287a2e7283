#include "workload_client/tls.h"

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "peer_check.h"

namespace signet::workload_client {
namespace {

template <auto Free>
struct Deleter {
  template <typename T>
  void operator()(T* p) const {
    Free(p);
  }
};
using CtxPtr = std::unique_ptr<SSL_CTX, Deleter<SSL_CTX_free>>;
using X509Ptr = std::unique_ptr<X509, Deleter<X509_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;

// What a verification found out, kept with the connection.
struct Verdict {
  Status status = Status::unauthenticated("no handshake was finished");
  std::unique_ptr<SpiffeId> peer;
};

void free_verdict(void*, void* value, CRYPTO_EX_DATA*, int, long, void*) {
  delete static_cast<Verdict*>(value);
}

int verdict_index() {
  static const int kIndex = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, free_verdict);
  return kIndex;
}

Verdict* verdict_of(SSL* ssl) {
  auto* verdict = static_cast<Verdict*>(SSL_get_ex_data(ssl, verdict_index()));
  if (verdict == nullptr) {
    verdict = new Verdict;
    SSL_set_ex_data(ssl, verdict_index(), verdict);
  }
  return verdict;
}

X509Ptr to_openssl(const x509::Certificate& certificate) {
  const unsigned char* at = certificate.der().data();
  return X509Ptr(d2i_X509(nullptr, &at, static_cast<long>(certificate.der().size())));
}

// What a context's callbacks need. It belongs to the SSL_CTX, which lives as long as its last
// connection.
class Judge {
 public:
  Judge(std::shared_ptr<Feed<X509Context>> identities, Authorize authorize)
      : identities_(std::move(identities)), authorize_(std::move(authorize)) {}
  Judge(std::shared_ptr<Feed<X509BundleSet>> bundles, Authorize authorize)
      : bundles_(std::move(bundles)), authorize_(std::move(authorize)) {}

  bool has_authorize() const { return authorize_ != nullptr; }

  void install(SSL_CTX* ctx, bool server) {
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20");
    SSL_CTX_set_options(
        ctx, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_num_tickets(ctx, 0);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | (server ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
                       nullptr);
    if (identities_) SSL_CTX_set_cert_cb(ctx, &Judge::present, this);
    SSL_CTX_set_cert_verify_callback(ctx, &Judge::verify, this);
  }

 private:
  // Before each handshake: the identity of this moment.
  static int present(SSL* ssl, void* arg) {
    const X509ContextPtr now = static_cast<Judge*>(arg)->identities_->current();
    if (!now) return 0;
    const X509Svid& svid = now->default_svid();
    const X509Ptr leaf = to_openssl(svid.chain.front());
    const unsigned char* at = svid.private_key->data();
    const KeyPtr key(d2i_AutoPrivateKey(nullptr, &at, static_cast<long>(svid.private_key->size())));
    SSL_certs_clear(ssl);
    if (!leaf || !key || SSL_use_certificate(ssl, leaf.get()) != 1 ||
        SSL_use_PrivateKey(ssl, key.get()) != 1) {
      return 0;
    }
    for (std::size_t n = 1; n < svid.chain.size(); ++n) {
      const X509Ptr link = to_openssl(svid.chain[n]);
      if (!link || SSL_add1_chain_cert(ssl, link.get()) != 1) return 0;
    }
    return 1;
  }

  // Instead of OpenSSL's own verification, which knows nothing of trust domains.
  static int verify(X509_STORE_CTX* store, void* arg) {
    auto* ssl =
        static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
    Verdict* verdict = verdict_of(ssl);
    Result<SpiffeId> peer = static_cast<Judge*>(arg)->judge(store);
    verdict->status = peer.status();
    verdict->peer = peer ? std::make_unique<SpiffeId>(*peer) : nullptr;
    X509_STORE_CTX_set_error(store, peer ? X509_V_OK : X509_V_ERR_APPLICATION_VERIFICATION);
    return peer ? 1 : 0;
  }

  Result<SpiffeId> judge(X509_STORE_CTX* store) const {
    std::vector<x509::Certificate> chain;
    SIGNET_RETURN_IF_ERROR(add(X509_STORE_CTX_get0_cert(store), chain));
    const STACK_OF(X509)* others = X509_STORE_CTX_get0_untrusted(store);
    for (int n = 0; n < sk_X509_num(others); ++n) {
      if (sk_X509_value(others, n) == X509_STORE_CTX_get0_cert(store)) continue;
      SIGNET_RETURN_IF_ERROR(add(sk_X509_value(others, n), chain));
    }
    if (identities_) {
      const X509ContextPtr now = identities_->current();
      return check_peer(chain, now ? &now->bundles : nullptr, authorize_);
    }
    const X509BundleSetPtr now = bundles_->current();
    return check_peer(chain, now ? &now->bundles : nullptr, authorize_);
  }

  static Status add(X509* certificate, std::vector<x509::Certificate>& chain) {
    unsigned char* der = nullptr;
    const int size = i2d_X509(certificate, &der);
    if (size < 0) return Status::invalid_argument("the peer's certificate cannot be read");
    auto parsed = x509::Certificate::parse({der, static_cast<std::size_t>(size)});
    OPENSSL_free(der);
    if (!parsed) return parsed.status();
    chain.push_back(std::move(*parsed));
    return {};
  }

  const std::shared_ptr<Feed<X509Context>> identities_;  // or
  const std::shared_ptr<Feed<X509BundleSet>> bundles_;   // for who shows no certificate
  const Authorize authorize_;
};

void free_judge(void*, void* value, CRYPTO_EX_DATA*, int, long, void*) {
  delete static_cast<Judge*>(value);
}

int judge_index() {
  static const int kIndex = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, free_judge);
  return kIndex;
}

class Context final : public TlsContext {
 public:
  explicit Context(CtxPtr ctx) : ctx_(std::move(ctx)) {}
  SSL_CTX* get() const override { return ctx_.get(); }

 private:
  const CtxPtr ctx_;
};

Result<std::unique_ptr<TlsContext>> make(std::unique_ptr<Judge> judge, const SSL_METHOD* method,
                                         bool server) {
  if (!judge->has_authorize())
    return Status::invalid_argument("who may be the peer is not said: authorize is empty");
  CtxPtr ctx(SSL_CTX_new(method));
  if (!ctx || SSL_CTX_set_ex_data(ctx.get(), judge_index(), judge.get()) != 1)
    return Status::internal("OpenSSL cannot make a context");
  judge.release()->install(ctx.get(), server);
  return std::unique_ptr<TlsContext>(std::make_unique<Context>(std::move(ctx)));
}

}  // namespace

Result<std::unique_ptr<TlsContext>> make_server_context(const X509Source& source,
                                                        Authorize authorize) {
  return make(std::make_unique<Judge>(source.feed(), std::move(authorize)), TLS_server_method(),
              true);
}

Result<std::unique_ptr<TlsContext>> make_client_context(const X509Source& source,
                                                        Authorize authorize) {
  return make(std::make_unique<Judge>(source.feed(), std::move(authorize)), TLS_client_method(),
              false);
}

Result<std::unique_ptr<TlsContext>> make_client_context(const X509BundleSource& source,
                                                        Authorize authorize) {
  return make(std::make_unique<Judge>(source.feed(), std::move(authorize)), TLS_client_method(),
              false);
}

Result<SpiffeId> peer_id(SSL* ssl) {
  const Verdict* verdict = verdict_of(ssl);
  if (!verdict->peer) return verdict->status;
  // Judged was a certificate. That the peer has its key shows only later in the handshake.
  if (SSL_is_init_finished(ssl) == 0) return Status::unauthenticated("the handshake is not over");
  return *verdict->peer;
}

Status handshake_verdict(SSL* ssl) { return verdict_of(ssl)->status; }

}  // namespace signet::workload_client
