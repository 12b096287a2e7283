#include "rsa.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

namespace signet::crypto::rsa {

namespace {

struct FreeBn {
  void operator()(BIGNUM* number) const { BN_free(number); }
};
using BnPtr = std::unique_ptr<BIGNUM, FreeBn>;
struct FreeContext {
  void operator()(EVP_PKEY_CTX* context) const { EVP_PKEY_CTX_free(context); }
};
using ContextPtr = std::unique_ptr<EVP_PKEY_CTX, FreeContext>;
struct FreeBuilder {
  void operator()(OSSL_PARAM_BLD* builder) const { OSSL_PARAM_BLD_free(builder); }
};
struct FreeParams {
  void operator()(OSSL_PARAM* params) const { OSSL_PARAM_free(params); }
};

const EVP_MD* evp_hash(Hash hash) {
  switch (hash) {
    case Hash::kSha1:
      return nullptr;
    case Hash::kSha256:
      return EVP_sha256();
    case Hash::kSha384:
      return EVP_sha384();
    case Hash::kSha512:
      return EVP_sha512();
  }
  return nullptr;
}

bool set_scheme(EVP_PKEY_CTX* context, Hash hash, RsaPadding padding) {
  const bool pss = padding != RsaPadding::kPkcs1;
  const int salt =
      padding == RsaPadding::kPssAnySalt ? RSA_PSS_SALTLEN_AUTO : RSA_PSS_SALTLEN_DIGEST;
  return EVP_PKEY_CTX_set_rsa_padding(context, pss ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING) ==
             1 &&
         (!pss || EVP_PKEY_CTX_set_rsa_pss_saltlen(context, salt) == 1) &&
         EVP_PKEY_CTX_set_signature_md(context, evp_hash(hash)) == 1;
}

BnPtr to_bn(ByteView bytes) {
  return BnPtr(BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr));
}

Bytes number_of(const EVP_PKEY* key, const char* name) {
  BIGNUM* number = nullptr;
  if (EVP_PKEY_get_bn_param(key, name, &number) != 1) return {};
  const BnPtr owned(number);
  Bytes bytes(static_cast<std::size_t>(BN_num_bytes(number)));
  BN_bn2bin(number, bytes.data());
  return bytes;
}

}  // namespace

void FreeKey::operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }

KeyPtr import_public(ByteView modulus, ByteView exponent) {
  const BnPtr n = to_bn(modulus);
  const BnPtr e = to_bn(exponent);
  const std::unique_ptr<OSSL_PARAM_BLD, FreeBuilder> builder(OSSL_PARAM_BLD_new());
  if (!n || !e || !builder ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1) {
    return nullptr;
  }
  const std::unique_ptr<OSSL_PARAM, FreeParams> params(OSSL_PARAM_BLD_to_param(builder.get()));
  const ContextPtr context(EVP_PKEY_CTX_new_id(EVP_PKEY_RSA, nullptr));
  EVP_PKEY* key = nullptr;
  if (!params || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) != 1) {
    return nullptr;
  }
  return KeyPtr(key);
}

KeyPtr import_private(ByteView rsa_private_key) {
  const unsigned char* at = rsa_private_key.data();
  KeyPtr key(d2i_PrivateKey(EVP_PKEY_RSA, nullptr, &at, static_cast<long>(rsa_private_key.size())));
  if (!key || at != rsa_private_key.data() + rsa_private_key.size()) return nullptr;
  const ContextPtr context(EVP_PKEY_CTX_new(key.get(), nullptr));
  if (!context || EVP_PKEY_pairwise_check(context.get()) != 1) return nullptr;
  return key;
}

KeyPtr generate(int bits) { return KeyPtr(EVP_RSA_gen(static_cast<unsigned>(bits))); }

std::pair<Bytes, Bytes> public_parts(const EVP_PKEY* key) {
  return {number_of(key, OSSL_PKEY_PARAM_RSA_N), number_of(key, OSSL_PKEY_PARAM_RSA_E)};
}

SecretBytes export_private(const EVP_PKEY* key) {
  unsigned char* der = nullptr;
  const int size = i2d_PrivateKey(key, &der);
  if (size <= 0) return {};
  SecretBytes secret(ByteView(der, static_cast<std::size_t>(size)));
  OPENSSL_clear_free(der, static_cast<std::size_t>(size));
  return secret;
}

bool verify(EVP_PKEY* key, Hash hash, ByteView digest, ByteView signature, RsaPadding padding) {
  const ContextPtr context(EVP_PKEY_CTX_new(key, nullptr));
  return context && EVP_PKEY_verify_init(context.get()) == 1 &&
         set_scheme(context.get(), hash, padding) &&
         EVP_PKEY_verify(context.get(), signature.data(), signature.size(), digest.data(),
                         digest.size()) == 1;
}

Bytes sign(EVP_PKEY* key, Hash hash, ByteView digest, RsaPadding padding) {
  const ContextPtr context(EVP_PKEY_CTX_new(key, nullptr));
  if (!context || EVP_PKEY_sign_init(context.get()) != 1 ||
      !set_scheme(context.get(), hash, padding)) {
    return {};
  }
  Bytes signature(static_cast<std::size_t>(EVP_PKEY_get_size(key)));
  std::size_t size = signature.size();
  if (EVP_PKEY_sign(context.get(), signature.data(), &size, digest.data(), digest.size()) != 1) {
    return {};
  }
  signature.resize(size);
  return signature;
}

}  // namespace signet::crypto::rsa
