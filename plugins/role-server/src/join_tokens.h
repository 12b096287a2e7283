// Join tokens: secrets that let one agent attest once. The datastore knows a token by its SHA-256
// only, so that what is stolen from it attests nobody. They are made here; the node attestor plugin
// join_token uses them up, by taking the record "join_token" whose id is the hash in hexadecimal.
#pragma once

#include <string>
#include <string_view>

#include "signet/datastore.h"

namespace signet::server {

/// The record of a token; writing it fails when there is one.
Record join_token_to_record(std::string_view token, std::int64_t expires_at);
/// Blocks, as all that follow. Errors   kAlreadyExists; the datastore's
Status create_join_token(const Datastore& datastore, std::string_view token,
                         std::int64_t expires_at);
/// Deletes those that expired before `now`. How many.
Result<std::size_t> prune_join_tokens(const Datastore& datastore, std::int64_t now);

/// Name of a token in logs and audit: a part of its hash.
std::string join_token_fingerprint(std::string_view token);

}  // namespace signet::server
