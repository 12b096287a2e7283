#include "peer_check.h"

#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

namespace signet::https_federation {
namespace {

bool append_der(std::vector<std::string>& out, X509* certificate) {
  const int size = certificate != nullptr ? i2d_X509(certificate, nullptr) : -1;
  if (size <= 0 || static_cast<std::size_t>(size) > x509::kMaxCertificateBytes) return false;
  std::string der(static_cast<std::size_t>(size), '\0');
  auto* at = reinterpret_cast<unsigned char*>(der.data());
  i2d_X509(certificate, &at);
  out.push_back(std::move(der));
  return true;
}

// As it was presented. False when it is longer than any that would be taken.
bool read_chain(X509_STORE_CTX* context, std::vector<std::string>& out) {
  X509* const leaf = X509_STORE_CTX_get0_cert(context);
  if (!append_der(out, leaf)) return false;
  const STACK_OF(X509)* sent = X509_STORE_CTX_get0_untrusted(context);
  const int count = sent != nullptr ? sk_X509_num(sent) : 0;
  for (int n = 0; n < count; ++n) {
    X509* const certificate = sk_X509_value(sent, n);
    if (certificate == leaf) continue;  // OpenSSL hands over the leaf among the others
    if (out.size() >= x509::kMaxChainLength || !append_der(out, certificate)) return false;
  }
  return true;
}

}  // namespace

Result<PeerCheck> PeerCheck::make(const std::string& endpoint_id,
                                  const std::vector<std::string>& roots, x509::Time now) {
  SIGNET_TRY(SpiffeId id, SpiffeId::parse(endpoint_id));
  std::vector<x509::Certificate> certificates;
  for (const std::string& der : roots) {
    SIGNET_TRY(x509::Certificate root, x509::Certificate::parse(crypto::as_bytes(der)));
    certificates.push_back(std::move(root));
  }
  return PeerCheck(std::move(id), x509::RootPool(certificates), now);
}

Status PeerCheck::judge(const std::vector<std::string>& chain) const {
  std::vector<x509::Certificate> certificates;
  for (const std::string& der : chain) {
    SIGNET_TRY(x509::Certificate certificate, x509::Certificate::parse(crypto::as_bytes(der)));
    certificates.push_back(std::move(certificate));
  }
  SIGNET_TRY(const TrustDomain domain, TrustDomain::parse(id_.trust_domain_name()));
  SIGNET_TRY(const x509::VerifiedSvid svid,
             x509::verify_svid(certificates, domain, roots_, {.now = now_}));
  if (svid.spiffe_id == id_) return {};
  return Status::invalid_argument("unexpected ID \"" + svid.spiffe_id.to_string() + "\"");
}

void PeerCheck::install(void* ssl_ctx) {
  SSL_CTX_set_cert_verify_callback(
      static_cast<SSL_CTX*>(ssl_ctx),
      [](X509_STORE_CTX* context, void* arg) {
        auto& self = *static_cast<PeerCheck*>(arg);
        try {
          std::vector<std::string> chain;
          self.refusal_ = read_chain(context, chain)
                              ? self.judge(chain)
                              : Status::invalid_argument("the certificate chain is too long");
        } catch (const std::exception& e) {
          self.refusal_ = Status::internal(e.what());
        }
        X509_STORE_CTX_set_error(
            context, self.refusal_.ok() ? X509_V_OK : X509_V_ERR_APPLICATION_VERIFICATION);
        return self.refusal_.ok() ? 1 : 0;
      },
      this);
}

}  // namespace signet::https_federation
