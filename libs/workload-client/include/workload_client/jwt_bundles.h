// JwtBundleSet: the JWT authorities of our own and the federated trust domains, as one answer of
// FetchJWTBundles has them. Immutable.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "jwt/svid.h"

namespace signet::workload_client {

struct JwtBundleSet {
  static constexpr char kMethod[] = "/SpiffeWorkloadAPI/FetchJWTBundles";

  /// By trust domain name, "example.org".
  std::map<std::string, std::vector<x509::JwtAuthority>, std::less<>> bundles;
  jwt::KeyStore keys;  // the same, ready to validate with

  /// Reads an encoded JWTBundlesResponse; one bad bundle refuses the whole answer.
  /// Errors   kInvalidArgument
  static Result<std::shared_ptr<const JwtBundleSet>> parse(std::string_view response);
};
using JwtBundleSetPtr = std::shared_ptr<const JwtBundleSet>;

}  // namespace signet::workload_client
