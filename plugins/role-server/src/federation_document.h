// The bundle document of a foreign trust domain, as its endpoint gave it: hostile until read.
#pragma once

#include <string_view>

#include "signet/spiffe_id.h"

#include "spire/api/types/bundle.pb.h"

namespace signet::server {

inline constexpr std::size_t kMaxDocumentBytes = 4 * 1024 * 1024;
inline constexpr std::size_t kMaxDocumentKeys = 100;

/// Keys for a use that is not known, or that cannot be read, are skipped (SPIFFE Trust Domain and
/// Bundle 4.2). A document without keys revokes all there were; one of whose keys none can be used
/// is an error. The trust domain is who was asked, whatever the document says.
/// Errors   kInvalidArgument
Result<spire::api::types::Bundle> read_federated_document(const TrustDomain& trust_domain,
                                                          std::string_view document);

/// Do both say the same? The order of keys does not count.
bool same_authorities(const spire::api::types::Bundle& a, const spire::api::types::Bundle& b);

}  // namespace signet::server
