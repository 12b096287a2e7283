// WIT-SVIDs: tokens bound to a key that their holder gets with them (SPIFFE's WIT profile).
//
// They are offered with experimental.feature_flags = ["wit-svid"], and the server has to have the
// same. Each open FetchWITSVID has keys of its own, which go when it ends.
#pragma once

#include "crypto/key.h"
#include "identity_table.h"
#include "server_api.h"

namespace signet::agent {

// One with its key. Immutable.
struct WitSvidData {
  std::string token;
  Secret key;  // a private JWK
  std::int64_t issued_at = 0;
  std::int64_t expires_at = 0;  // Unix seconds
};
using WitSvidPtr = std::shared_ptr<const WitSvidData>;

class WitMinter {
 public:
  /// failed   hears of each call that failed
  WitMinter(Host host, ServerApi& server, crypto::KeyType key_type,
            std::function<void(const Status&)> failed)
      : host_(std::move(host)), server_(server), key_type_(key_type), failed_(std::move(failed)) {}

  /// For each of the entries, in their order, with a new key each. Blocks: from a worker only.
  /// Errors   of the call, or of the first entry that is refused
  Result<std::vector<WitSvidPtr>> mint(const std::vector<EntryPtr>& entries);

 private:
  const Host host_;
  ServerApi& server_;
  const crypto::KeyType key_type_;
  const std::function<void(const Status&)> failed_;
};

}  // namespace signet::agent
