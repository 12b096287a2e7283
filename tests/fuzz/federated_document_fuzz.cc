// Hostile input: the bundle document of a foreign trust domain as the federation client reads it.
// What it takes is bounded, belongs to who was asked, and says the same when it is read again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "federation_document.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  static const signet::TrustDomain kDomain = signet::TrustDomain::parse("peer.example").value();
  const auto bundle = signet::server::read_federated_document(kDomain, text);
  if (!bundle) return 0;
  const auto keys = static_cast<std::size_t>(bundle->x509_authorities_size()) +
                    static_cast<std::size_t>(bundle->jwt_authorities_size());
  if (bundle->trust_domain() != kDomain.name() || keys > signet::server::kMaxDocumentKeys ||
      bundle->refresh_hint() < 0) {
    std::abort();
  }
  const auto again = signet::server::read_federated_document(kDomain, text);
  if (!again || !signet::server::same_authorities(*bundle, *again)) std::abort();
  return 0;
}
