// Putting a token together: what is alike for every kind of token that is minted here.
#pragma once

#include <string>
#include <string_view>

#include "signet/status.h"

#include "crypto/signer.h"

namespace signet::jwt {

/// `header.claims.signature` in compact form (RFC 7515 7.1), with the algorithm that goes with the
/// signer's key. claims: JSON. Errors   kInvalidArgument: larger than 16 KiB; the signer's
Result<std::string> sign_token(std::string_view type, std::string_view claims,
                               std::string_view key_id, const crypto::Signer& signer);

}  // namespace signet::jwt
