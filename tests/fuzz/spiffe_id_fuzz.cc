// Hostile input: SPIFFE IDs, and DNS names beside them. What parses prints back byte for byte.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "signet/spiffe_id.h"

#include "x509/dns_name.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto id = signet::SpiffeId::parse(text); id.ok()) {
    const auto again = signet::SpiffeId::make(id->trust_domain(), id->path());
    if (id->to_string() != text || !again || *again != *id) std::abort();
  }
  (void)signet::TrustDomain::parse_name_or_id(text);
  (void)signet::x509::check_dns_name(text);
  return 0;
}
