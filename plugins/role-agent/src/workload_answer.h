// What the Workload API answers, put together from a WorkloadUpdate and encoded once for all who
// share it.
#pragma once

#include <functional>
#include <vector>

#include "identity_table.h"

namespace signet::agent {

// Answers that a WorkloadUpdate keeps encoded.
enum AnswerKind : int {
  kX509SvidAnswer,
  kX509BundlesAnswer,
  kJwtBundlesAnswer,
  kWitBundlesAnswer,
  kDelegatedX509SvidAnswer,
  kDelegatedX509BundlesAnswer,
  kDelegatedJwtBundlesAnswer,
};

/// Of entries with the same non-empty hint the older one stays (then the one with the smaller ID);
/// order is kept. Source: Workload API 5.2.1 (hints are unique within a response).
std::vector<EntryPtr> filter_hints(const std::vector<EntryPtr>& entries);

/// The first moment (Unix seconds) at which some identity of the update is no longer valid;
/// INT64_MAX when there is none.
std::int64_t first_expiry(const WorkloadUpdate& update);

/// X509SVIDResponse: every identity after the hint filter. Holds keys: the blob is secret.
Blob x509_svid_answer(const Host& host, const WorkloadUpdate& update);
/// X509BundlesResponse, JWTBundlesResponse and WITBundlesResponse: our own bundle and the federated
/// ones.
Blob x509_bundles_answer(const Host& host, const WorkloadUpdate& update);
Blob jwt_bundles_answer(const Host& host, const WorkloadUpdate& update);
Blob wit_bundles_answer(const Host& host, const WorkloadUpdate& update);
/// The same for a caller without an identity: our own trust domain alone.
Blob own_bundle_answer(const Host& host, AnswerKind kind, const BundleData& own);

}  // namespace signet::agent
