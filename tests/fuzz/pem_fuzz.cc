// Hostile input: PEM files of certificates and keys.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "crypto/key.h"
#include "x509/pem.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace signet::x509;  // NOLINT: a function, not a header
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)read_pem_certificates(text);
  (void)signet::crypto::PrivateKey::from_pem(text);
  if (const auto blocks = read_pem(text); blocks.ok()) {
    for (const PemBlock& block : *blocks) {
      const auto again = read_pem(write_pem(block.label, block.der.view()));
      if (!again || again->size() != 1) std::abort();
    }
  }
  return 0;
}
