// Join tokens: secrets that let one agent attest once. The datastore knows a token by its SHA-256
// only, so that what is stolen from it attests nobody.
#pragma once

#include <string>
#include <string_view>

#include "signet/datastore.h"

namespace signet::server {

/// Blocks, as all here. Errors   kAlreadyExists; the datastore's
Status create_join_token(const Datastore& datastore, std::string_view token,
                         std::int64_t expires_at);
/// Uses the token up, expired or not: of many callers with the same one, one gets it.
/// Errors   kInvalidArgument in SPIRE's words: unknown, used, or expired at `now`
Status burn_join_token(const Datastore& datastore, std::string_view token, std::int64_t now);
/// Deletes those that expired before `now`. How many.
Result<std::size_t> prune_join_tokens(const Datastore& datastore, std::int64_t now);

/// Name of a token in logs and audit: a part of its hash.
std::string join_token_fingerprint(std::string_view token);

}  // namespace signet::server
