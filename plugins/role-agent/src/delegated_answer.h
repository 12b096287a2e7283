// What the Delegated Identity API reads and answers, without a transport.
#pragma once

#include <string>
#include <vector>

#include <google/protobuf/repeated_ptr_field.h>

#include "identity_table.h"

namespace spire::api::types {
class Selector;
}

namespace signet::agent {

/// The selectors of a workload that a delegate vouches for, at most 1,024 of 128 KiB in all: they
/// are kept for a while.
/// Errors   kInvalidArgument "could not parse provided selectors"; kResourceExhausted
Result<SelectorSet> read_delegated_selectors(
    const google::protobuf::RepeatedPtrField<::spire::api::types::Selector>& given);

/// SubscribeToX509SVIDsResponse: every identity but those of admin and downstream entries. Hints
/// are not made unique. Holds keys: the blob is secret.
/// Errors   kInternal "could not serialize response"
Result<Blob> delegated_x509_svid_answer(const Host& host, const WorkloadUpdate& update);
/// SubscribeToX509BundlesResponse and SubscribeToJWTBundlesResponse: our own bundle and all others.
Blob delegated_x509_bundles_answer(const Host& host, const WorkloadUpdate& all);
Blob delegated_jwt_bundles_answer(const Host& host, const WorkloadUpdate& all);

/// FetchJWTSVIDsResponse: a token for every entry but admin and downstream ones. Blocks.
/// Errors   kPermissionDenied "no identity issued"; kUnavailable "could not fetch JWT-SVID: ..."
Result<Blob> delegated_jwt_answer(const Host& host, const WorkloadUpdate& update,
                                  const std::vector<std::string>& audience, JwtSource& jwt,
                                  std::int64_t deadline_ns);

}  // namespace signet::agent
