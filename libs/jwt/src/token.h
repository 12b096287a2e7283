// A token taken apart: nothing in it is proven.
#pragma once

#include <nlohmann/json.hpp>

#include "algorithm.h"
#include "jwt/svid.h"

namespace signet::jwt {

struct Token {
  std::string_view signing_input;  // header.claims, within the token's text
  crypto::Bytes signature;
  const Algorithm* algorithm = nullptr;
  std::string key_id;  // "" when absent
  nlohmann::json claims;
  // Of the claims; times in seconds.
  std::string subject;
  std::vector<std::string> audience;
  std::optional<std::int64_t> expires_at, not_before, issued_at;
};

/// Reads the compact form. Errors   kInvalidArgument
Result<Token> read_token(std::string_view text);

/// The claims as text, `aud` always a list.
std::string claims_json(const Token& token);

}  // namespace signet::jwt
