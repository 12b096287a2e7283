// The JWT calls of the Workload API, waited for.
#pragma once

#include <string>
#include <vector>

#include "signet/spiffe_id.h"

#include "workload_client/transport.h"

namespace signet::workload_client {

struct JwtSvid {
  SpiffeId spiffe_id;
  std::string token;
  std::string hint;
};

/// One token per identity, for `audience` (at least one); spiffe_id "" asks for all identities.
Result<std::vector<JwtSvid>> fetch_jwt_svids(Transport& transport,
                                             const std::vector<std::string>& audience,
                                             const std::string& spiffe_id,
                                             std::chrono::milliseconds timeout);

struct ValidatedJwt {
  SpiffeId spiffe_id;
  std::string claims_json;
};
/// Lets the agent judge a token.
/// Errors   kInvalidArgument: the token is not valid for that audience
Result<ValidatedJwt> validate_jwt_svid(Transport& transport, const std::string& audience,
                                       const std::string& token, std::chrono::milliseconds timeout);

}  // namespace signet::workload_client
