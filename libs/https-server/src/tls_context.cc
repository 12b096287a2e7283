#include "tls_context.h"

#include <openssl/err.h>
#include <openssl/x509.h>

namespace signet::https_server {
namespace {

template <auto kFree>
struct Free {
  template <typename T>
  void operator()(T* p) const {
    kFree(p);
  }
};
using X509Ptr = std::unique_ptr<X509, Free<&X509_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Free<&EVP_PKEY_free>>;

Status refuse(const char* what) {
  ERR_clear_error();
  return Status::invalid_argument(what);
}

X509Ptr read_certificate(const std::string& der) {
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  return X509Ptr(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
}

// AEAD ciphers with forward secrecy; of TLS 1.3 all are.
constexpr const char* kTls12Ciphers =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";

}  // namespace

Result<TlsContext> make_tls_context(const Identity& identity) {
  const TlsContext context(SSL_CTX_new(TLS_server_method()), &SSL_CTX_free);
  if (!context) return Status::internal("OpenSSL gives no TLS context");
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET |
                                         SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                         SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context.get(), 0);  // of TLS 1.3, where the option above leaves some
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_NONE, nullptr);
  if (SSL_CTX_set_cipher_list(context.get(), kTls12Ciphers) != 1) return refuse("no TLS cipher");

  if (identity.chain.empty()) return refuse("the certificate chain is empty");
  for (std::size_t n = 0; n < identity.chain.size(); ++n) {
    X509Ptr certificate = read_certificate(identity.chain[n]);
    if (!certificate) return refuse("a certificate of the chain cannot be read");
    if (n == 0) {
      if (SSL_CTX_use_certificate(context.get(), certificate.get()) != 1)
        return refuse("the certificate cannot be used for TLS");
    } else if (SSL_CTX_add1_chain_cert(context.get(), certificate.get()) != 1) {
      return refuse("a certificate of the chain cannot be used for TLS");
    }
  }
  const auto* at = reinterpret_cast<const unsigned char*>(identity.key.data());
  const KeyPtr key(d2i_AutoPrivateKey(nullptr, &at, static_cast<long>(identity.key.size())));
  if (!key) return refuse("the private key cannot be read");
  if (SSL_CTX_use_PrivateKey(context.get(), key.get()) != 1 ||
      SSL_CTX_check_private_key(context.get()) != 1) {
    return refuse("the certificate and the key do not belong together");
  }
  return context;
}

}  // namespace signet::https_server
