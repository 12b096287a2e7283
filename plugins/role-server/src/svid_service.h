// What the parts of the SVID service share.
#pragma once

#include <algorithm>
#include <chrono>
#include <string>
#include <string_view>

#include "signet/status.h"

#include "crypto/encoding.h"
#include "crypto/hash.h"

namespace signet::server {

class MethodRegistry;

/// Of a CSR or key, as audit records name it.
inline std::string hash_of(std::string_view der) { return crypto::hex_encode(crypto::sha256(der)); }

inline bool has_reason(const Status& status, std::string_view reason) {
  return std::any_of(status.fields().begin(), status.fields().end(), [&](const auto& field) {
    return field.first == "reason" && field.second == reason;
  });
}
inline bool is_signature_problem(const Status& status) { return has_reason(status, "signature"); }

inline Status no_x509_authority() {
  return Status::unavailable("X509 CA is not available for signing");
}

inline std::chrono::seconds ttl_or(std::int32_t seconds, std::chrono::seconds fallback) {
  return seconds > 0 ? std::chrono::seconds(seconds) : fallback;
}

void register_svid_tokens(MethodRegistry& methods);
void register_svid_downstream(MethodRegistry& methods);

}  // namespace signet::server
