// What SDS sends, put together from a WorkloadUpdate. A resource is encoded once for all callers
// that share the update; an answer is then only copied together, into memory that is wiped.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sds_names.h"

namespace signet::agent {

// A resource as it goes into an answer.
struct SdsResource {
  std::string name;
  Blob blob;  // the version, then the encoded google.protobuf.Any

  static constexpr std::size_t kVersionSize = 32;  // hexadecimal digits
  /// The same content has the same version, whoever asks and whenever.
  std::string_view version() const { return blob.bytes().substr(0, kVersionSize); }
  std::string_view any() const { return blob.bytes().substr(kVersionSize); }
};

/// spiffe_validator   bundles are settings of Envoy's SPIFFE validator; false: plain CAs
/// Errors   kInternal: every bundle in one was asked for, and the validator may not be used
Result<std::vector<SdsResource>> sds_resources(const Host& host, const WorkloadUpdate& update,
                                               const std::vector<SdsSecret>& secrets,
                                               bool spiffe_validator);

struct SdsHeader {
  std::string version_info;
  std::string type_url;
  std::string nonce;
};
/// DiscoveryResponse. Secret: there may be keys in it.
Blob sds_answer(const Host& host, const SdsHeader& header,
                const std::vector<SdsResource>& resources);
/// DeltaDiscoveryResponse, likewise.
Blob sds_delta_answer(const Host& host, const SdsHeader& header,
                      const std::vector<SdsResource>& resources,
                      const std::vector<std::string>& removed);

}  // namespace signet::agent
