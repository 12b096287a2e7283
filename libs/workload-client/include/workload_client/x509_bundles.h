// X509BundleSet: the X.509 authorities of our own and the federated trust domains, as one answer of
// FetchX509Bundles has them. Immutable.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "x509/verify.h"

namespace signet::workload_client {

/// By trust domain name, "example.org".
using X509Bundles = std::map<std::string, x509::RootPool, std::less<>>;

struct X509BundleSet {
  static constexpr char kMethod[] = "/SpiffeWorkloadAPI/FetchX509Bundles";

  X509Bundles bundles;

  /// Reads an encoded X509BundlesResponse; one bad bundle refuses the whole answer.
  /// Errors   kInvalidArgument
  static Result<std::shared_ptr<const X509BundleSet>> parse(std::string_view response);

  /// nullptr for a trust domain that is not trusted.
  const x509::RootPool* find(std::string_view trust_domain) const {
    const auto it = bundles.find(trust_domain);
    return it == bundles.end() ? nullptr : &it->second;
  }
};
using X509BundleSetPtr = std::shared_ptr<const X509BundleSet>;

/// Adds the bundle `der` (certificates one after the other) of the trust domain with that name or
/// ID. Errors   kInvalidArgument, naming the trust domain; also for more than kMaxTrustDomains
Status add_x509_bundle(X509Bundles& bundles, const std::string& name, std::string_view der);

}  // namespace signet::workload_client
