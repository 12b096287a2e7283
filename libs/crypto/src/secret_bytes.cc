#include "crypto/secret_bytes.h"

#include <openssl/crypto.h>

namespace signet::crypto {

void wipe(void* data, std::size_t size) {
  if (size != 0) OPENSSL_cleanse(data, size);
}

void wipe(std::string& text) {
  wipe(text.data(), text.size());
  text.clear();
}

void wipe(Bytes& bytes) {
  wipe(bytes.data(), bytes.size());
  bytes.clear();
}

bool constant_time_equal(ByteView a, ByteView b) {
  return a.size() == b.size() && (a.empty() || CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0);
}

}  // namespace signet::crypto
