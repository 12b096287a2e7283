#include "crypto/rsa_pss.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

namespace signet::crypto {
namespace {

struct Free {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(EVP_PKEY_CTX* context) const { EVP_PKEY_CTX_free(context); }
};

const EVP_MD* message_digest(Hash hash) {
  switch (hash) {
    case Hash::kSha256:
      return EVP_sha256();
    case Hash::kSha384:
      return EVP_sha384();
    case Hash::kSha512:
      return EVP_sha512();
    case Hash::kSha1:
      break;
  }
  return nullptr;
}

}  // namespace

Status verify_rsa_pss_any_salt(const PublicKey& key, Hash hash, ByteView digest,
                               ByteView signature) {
  const Status invalid = Status::invalid_argument("signature is invalid");
  const EVP_MD* md = message_digest(hash);
  if (!is_rsa(key.type()) || md == nullptr || digest.size() != digest_size(hash)) return invalid;
  const std::uint8_t* at = key.spki().data();
  const std::unique_ptr<EVP_PKEY, Free> evp(
      d2i_PUBKEY(nullptr, &at, static_cast<long>(key.spki().size())));
  const std::unique_ptr<EVP_PKEY_CTX, Free> context(evp ? EVP_PKEY_CTX_new(evp.get(), nullptr)
                                                        : nullptr);
  const bool good = context && EVP_PKEY_verify_init(context.get()) == 1 &&
                    EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_PSS_PADDING) == 1 &&
                    EVP_PKEY_CTX_set_rsa_pss_saltlen(context.get(), RSA_PSS_SALTLEN_AUTO) == 1 &&
                    EVP_PKEY_CTX_set_signature_md(context.get(), md) == 1 &&
                    EVP_PKEY_verify(context.get(), signature.data(), signature.size(),
                                    digest.data(), digest.size()) == 1;
  return good ? Status() : invalid;
}

}  // namespace signet::crypto
