// The JWT calls of the Workload API, waited for.
#pragma once

#include <string>
#include <vector>

#include "jwt/svid.h"
#include "workload_client/transport.h"

namespace signet::workload_client {

struct JwtSvid {
  SpiffeId spiffe_id;
  std::string token;  // whoever has it can be this identity: keep it out of logs
  std::string hint;
  std::vector<std::string> audience;
  jwt::Time expires_at;
};

/// One token per identity, for `audience` (at least one); spiffe_id "" asks for all identities.
/// Each token is read as go-spiffe does: it names its identity and one of the audiences, and has
/// not expired. Its signature is the agent's word. Of several with the same hint the first is
/// taken. Errors   the agent's; kInternal: its answer is malformed
Result<std::vector<JwtSvid>> fetch_jwt_svids(Transport& transport,
                                             const std::vector<std::string>& audience,
                                             const std::string& spiffe_id,
                                             std::chrono::milliseconds timeout);

struct ValidatedJwt {
  SpiffeId spiffe_id;
  std::string claims_json;
};
/// Lets the agent judge a token. A JwtSource does it without a call.
/// Errors   kInvalidArgument: the token is not valid for that audience
Result<ValidatedJwt> validate_jwt_svid(Transport& transport, const std::string& audience,
                                       const std::string& token, std::chrono::milliseconds timeout);

}  // namespace signet::workload_client
