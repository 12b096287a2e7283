// Hostile input: bundle documents of federated trust domains, key sets, bundle maps. What the
// strict reader takes must survive a round trip.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "x509/bundle_json.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace signet::x509;  // NOLINT: a function, not a header
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  static const signet::TrustDomain kDomain = signet::TrustDomain::parse("example.org").value();
  (void)read_bundle_json(kDomain, text, BundleReading::kTolerant);
  (void)read_jwks(text);
  (void)read_bundle_map(text);
  if (const auto bundle = read_bundle_json(kDomain, text, BundleReading::kStrict); bundle.ok()) {
    const auto printed = write_bundle_json(*bundle);
    if (!printed) std::abort();
    const auto again = read_bundle_json(kDomain, *printed, BundleReading::kStrict);
    if (!again || again->x509_authorities != bundle->x509_authorities) std::abort();
  }
  return 0;
}
