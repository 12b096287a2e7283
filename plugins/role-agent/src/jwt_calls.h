// The two JWT calls of the Workload API: FetchJWTSVID and ValidateJWTSVID, without a transport.
#pragma once

#include <string>
#include <vector>

#include "signet/host.h"

#include "identity_table.h"

class JWTSVIDRequest;
class ValidateJWTSVIDRequest;

namespace signet::agent {

struct JwtRequest {
  std::vector<std::string> audience;
  std::string spiffe_id;  // "": all identities
};

/// Of a request; "" is all. Errors   kInvalidArgument "invalid requested SPIFFE ID: ..."
Status check_requested_id(const std::string& spiffe_id);

/// Errors   kInvalidArgument: "audience must be specified", "invalid requested SPIFFE ID: ..."
Status read_jwt_request(const ::JWTSVIDRequest& request, JwtRequest& out);

/// The entries to fetch for: hint filter first, then the SPIFFE ID asked for.
std::vector<EntryPtr> jwt_entries(const WorkloadUpdate& update, const JwtRequest& request);

/// JWTSVIDResponse when every token is cached and fresh, else an empty blob. Does not block.
Blob cached_jwt_answer(const Host& host, const std::vector<EntryPtr>& entries,
                       const std::vector<std::string>& audience, JwtSource& jwt);
/// The same with the server's help. Blocks.
/// Errors   kUnavailable "could not fetch JWT-SVID: ..."
Result<Blob> fetch_jwt_answer(const Host& host, const std::vector<EntryPtr>& entries,
                              const std::vector<std::string>& audience, JwtSource& jwt,
                              std::int64_t deadline_ns);

/// ValidateJWTSVIDResponse. The keys are our own trust domain's and, for a caller with
/// identities, those of the domains they federate with. Foreign tokens keep sub, exp, aud and
/// the claims in `allowed_foreign_claims`.
/// Errors   kInvalidArgument: the token is not valid, in the validator's words
Result<Blob> validate_jwt_answer(const Host& host, const ::ValidateJWTSVIDRequest& request,
                                 const WorkloadUpdate& update,
                                 const std::vector<std::string>& allowed_foreign_claims);

}  // namespace signet::agent
