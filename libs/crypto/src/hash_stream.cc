#include "crypto/hash_stream.h"

#include <cstdlib>

#include <openssl/evp.h>

namespace signet::crypto {
namespace {

const EVP_MD* algorithm(Hash hash) {
  switch (hash) {
    case Hash::kSha1:
      return EVP_sha1();
    case Hash::kSha256:
      return EVP_sha256();
    case Hash::kSha384:
      return EVP_sha384();
    case Hash::kSha512:
      return EVP_sha512();
  }
  return nullptr;
}

// As in digest(): it fails only without memory, or without libcrypto's default provider.
void must(int result) {
  if (result != 1) std::abort();
}

}  // namespace

struct HashStream::Context {
  EVP_MD_CTX* md = EVP_MD_CTX_new();
  ~Context() { EVP_MD_CTX_free(md); }
};

HashStream::HashStream(Hash hash) : context_(std::make_unique<Context>()) {
  must(EVP_DigestInit_ex(context_->md, algorithm(hash), nullptr));
}

HashStream::~HashStream() = default;

void HashStream::update(ByteView piece) {
  must(EVP_DigestUpdate(context_->md, piece.data(), piece.size()));
}

Bytes HashStream::finish() {
  Bytes out(EVP_MAX_MD_SIZE);
  unsigned size = 0;
  must(EVP_DigestFinal_ex(context_->md, out.data(), &size));
  out.resize(size);
  return out;
}

}  // namespace signet::crypto
