#include "workload_client/tls.h"

#include <mutex>

#include <openssl/ssl.h>
#include <openssl/x509.h>

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

class Context final : public TlsContext {
 public:
  Context(X509Source& source, Authorize authorize, CtxPtr ctx, bool server)
      : source_(source), authorize_(std::move(authorize)), ctx_(std::move(ctx)) {
    SSL_CTX* c = ctx_.get();
    SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION);
    SSL_CTX_set_cipher_list(c, "ECDHE+AESGCM:ECDHE+CHACHA20");
    SSL_CTX_set_options(
        c, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_num_tickets(c, 0);
    SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_verify(c, SSL_VERIFY_PEER | (server ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
                       nullptr);
    SSL_CTX_set_cert_cb(c, &Context::present, this);
    SSL_CTX_set_cert_verify_callback(c, &Context::verify, this);
  }
  SSL_CTX* get() const override { return ctx_.get(); }

 private:
  // Before each handshake: the identity of this moment.
  static int present(SSL* ssl, void* arg) {
    const X509ContextPtr now = static_cast<Context*>(arg)->source_.current();
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
    Result<SpiffeId> peer = static_cast<Context*>(arg)->judge(store);
    verdict->status = peer.status();
    verdict->peer = peer ? std::make_unique<SpiffeId>(*peer) : nullptr;
    X509_STORE_CTX_set_error(store, peer ? X509_V_OK : X509_V_ERR_APPLICATION_VERIFICATION);
    return peer ? 1 : 0;
  }

  Result<SpiffeId> judge(X509_STORE_CTX* store) const {
    const X509ContextPtr now = source_.current();
    if (!now) return Status::unavailable("there is no bundle yet");
    std::vector<x509::Certificate> chain;
    SIGNET_RETURN_IF_ERROR(add(X509_STORE_CTX_get0_cert(store), chain));
    const STACK_OF(X509)* others = X509_STORE_CTX_get0_untrusted(store);
    for (int n = 0; n < sk_X509_num(others); ++n) {
      if (sk_X509_value(others, n) == X509_STORE_CTX_get0_cert(store)) continue;
      SIGNET_RETURN_IF_ERROR(add(sk_X509_value(others, n), chain));
    }
    const x509::Time wall =
        std::chrono::time_point_cast<x509::Time::duration>(std::chrono::system_clock::now());
    SIGNET_TRY(const x509::VerifiedSvid peer,
               x509::verify_svid(chain, [&](std::string_view td) { return now->find_bundle(td); },
                                 {wall}));
    SIGNET_RETURN_IF_ERROR(authorize_(peer.spiffe_id));
    return peer.spiffe_id;
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

  X509Source& source_;
  const Authorize authorize_;
  const CtxPtr ctx_;
};

Result<std::unique_ptr<TlsContext>> make(X509Source& source, Authorize authorize,
                                         const SSL_METHOD* method, bool server) {
  CtxPtr ctx(SSL_CTX_new(method));
  if (!ctx) return Status::internal("OpenSSL cannot make a context");
  return std::unique_ptr<TlsContext>(
      std::make_unique<Context>(source, std::move(authorize), std::move(ctx), server));
}

}  // namespace

Authorize authorize_any() {
  return [](const SpiffeId&) { return Status(); };
}

Authorize authorize_id(SpiffeId id) {
  return [id = std::move(id)](const SpiffeId& peer) {
    return peer == id
               ? Status()
               : Status::permission_denied("unexpected peer ID \"" + peer.to_string() + "\"");
  };
}

Authorize authorize_member_of(TrustDomain trust_domain) {
  return [td = std::move(trust_domain)](const SpiffeId& peer) {
    return peer.member_of(td) ? Status()
                              : Status::permission_denied("peer \"" + peer.to_string() +
                                                          "\" is not of trust domain " + td.name());
  };
}

Result<std::unique_ptr<TlsContext>> make_server_context(X509Source& source, Authorize authorize) {
  return make(source, std::move(authorize), TLS_server_method(), true);
}

Result<std::unique_ptr<TlsContext>> make_client_context(X509Source& source, Authorize authorize) {
  return make(source, std::move(authorize), TLS_client_method(), false);
}

Result<SpiffeId> peer_id(SSL* ssl) {
  const Verdict* verdict = verdict_of(ssl);
  if (!verdict->peer) return verdict->status;
  return *verdict->peer;
}

Status handshake_verdict(SSL* ssl) { return verdict_of(ssl)->status; }

}  // namespace signet::workload_client
