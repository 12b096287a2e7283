// X509Context: one answer of FetchX509SVID, checked. Immutable.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "signet/spiffe_id.h"

#include "x509/verify.h"

namespace signet::workload_client {

struct X509Svid {
  SpiffeId spiffe_id;
  std::vector<x509::Certificate> chain;                    // leaf first
  std::shared_ptr<const crypto::SecretBytes> private_key;  // PKCS#8 DER
  std::string hint;
};

struct X509Context {
  std::vector<X509Svid> svids;  // the first one is the default identity
  std::map<std::string, x509::RootPool, std::less<>> bundles;  // by trust domain name

  /// Reads an encoded X509SVIDResponse. Each SVID must have an ID with a path, a matching key and
  /// a leaf that may be a leaf; one bad part refuses the whole answer.
  /// Errors   kInvalidArgument
  static Result<std::shared_ptr<const X509Context>> parse(std::string_view response);

  const X509Svid& default_svid() const { return svids.front(); }
  const x509::RootPool* find_bundle(std::string_view trust_domain) const {
    const auto it = bundles.find(trust_domain);
    return it == bundles.end() ? nullptr : &it->second;
  }
};
using X509ContextPtr = std::shared_ptr<const X509Context>;

}  // namespace signet::workload_client
