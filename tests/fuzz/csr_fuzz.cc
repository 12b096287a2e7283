// Hostile input: CSRs, certificates, chains and keys that peers send.
#include <cstddef>
#include <cstdint>

#include "x509/certificate.h"
#include "x509/csr.h"
#include "x509/verify.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace signet::x509;  // NOLINT: a function, not a header
  const ByteView input(data, size);
  if (const auto csr = Csr::parse_and_verify(input); csr.ok()) {
    (void)Name::parse(csr->subject_raw());
    (void)name_to_text(csr->subject_raw());
  }
  if (const auto certificate = Certificate::parse(input); certificate.ok()) {
    (void)certificate->serial_decimal();
    (void)certificate->spiffe_id();
    if (certificate->public_key()) {
      (void)certificate->check_signature_from(*certificate->public_key());
    }
  }
  if (const auto chain = Certificate::parse_concatenated(input, 10); chain && !chain->empty()) {
    const RootPool roots({chain->back()});
    const VerifyOptions options{chain->front().not_before()};
    (void)verify_path(*chain, roots, options);
    (void)verify_svid(
        *chain, [&](std::string_view) { return &roots; }, options);
  }
  (void)signet::crypto::PrivateKey::from_pkcs8_der(input);
  return 0;
}
