// X509Context: one answer of FetchX509SVID, checked. Immutable.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "signet/spiffe_id.h"

#include "workload_client/x509_bundles.h"

namespace signet::workload_client {

struct X509Svid {
  SpiffeId spiffe_id;
  std::vector<x509::Certificate> chain;                    // leaf first
  std::shared_ptr<const crypto::SecretBytes> private_key;  // PKCS#8 DER
  std::string hint;
};

struct X509Context {
  static constexpr char kMethod[] = "/SpiffeWorkloadAPI/FetchX509SVID";

  std::vector<X509Svid> svids;  // never empty; the first one is the default identity
  X509Bundles bundles;          // of the SVIDs' trust domains, and the federated ones

  /// Reads an encoded X509SVIDResponse. Each SVID must have an ID with a path, a matching key and
  /// a leaf that may be a leaf; one bad part refuses the whole answer. Of several SVIDs with the
  /// same hint the first one is taken (X509-SVID messages, `hint`). Errors   kInvalidArgument
  static Result<std::shared_ptr<const X509Context>> parse(std::string_view response);

  const X509Svid& default_svid() const { return svids.front(); }
  const x509::RootPool* find_bundle(std::string_view trust_domain) const {
    const auto it = bundles.find(trust_domain);
    return it == bundles.end() ? nullptr : &it->second;
  }
};
using X509ContextPtr = std::shared_ptr<const X509Context>;

}  // namespace signet::workload_client
