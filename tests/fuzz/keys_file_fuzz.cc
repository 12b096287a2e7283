// Hostile input: a keys.json, of SPIRE's server or of ours. Keys that are taken must work.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "crypto/hash.h"
#include "keymanager/keys_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto keys = signet::keymanager::read_keys({reinterpret_cast<const char*>(data), size});
  if (!keys) return 0;
  for (const auto& [id, key] : *keys) {
    const auto again = signet::crypto::PrivateKey::from_pkcs8_der(key.to_pkcs8_der().view());
    if (!again || again->public_key().spki() != key.public_key().spki()) std::abort();
  }
  return 0;
}
