#include "crypto/hash.h"

#include <cstdlib>
#include <memory>

#include <openssl/evp.h>

namespace signet::crypto {

namespace {

// EVP_sha256() looks its implementation up on every use; a fetched one is looked up once.
const EVP_MD* fetched(Hash hash) {
  static EVP_MD* const kFetched[] = {
      EVP_MD_fetch(nullptr, "SHA1", nullptr), EVP_MD_fetch(nullptr, "SHA256", nullptr),
      EVP_MD_fetch(nullptr, "SHA384", nullptr), EVP_MD_fetch(nullptr, "SHA512", nullptr)};
  return kFetched[static_cast<int>(hash)];
}

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

}  // namespace

Digest digest(Hash hash, std::span<const ByteView> parts) {
  thread_local std::unique_ptr<EVP_MD_CTX, FreeContext> context(EVP_MD_CTX_new());
  Digest out;
  unsigned size = 0;
  bool good = EVP_DigestInit_ex2(context.get(), fetched(hash), nullptr) == 1;
  for (ByteView part : parts) {
    good = good && EVP_DigestUpdate(context.get(), part.data(), part.size()) == 1;
  }
  good = good && EVP_DigestFinal_ex(context.get(), out.data_.data(), &size) == 1;
  if (!good) std::abort();  // memory exhausted, or a libcrypto without its default provider
  out.size_ = size;
  return out;
}

Digest digest(Hash hash, ByteView data) {
  return digest(hash, std::span<const ByteView>(&data, 1));
}

}  // namespace signet::crypto
