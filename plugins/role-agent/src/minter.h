// Minter: turns entries into X509-SVIDs, a batch at a time: a new key and a request for each, one
// call to the server, and the answers into the store.
#pragma once

#include <atomic>

#include "crypto/key.h"
#include "identity_store.h"
#include "server_api.h"

namespace signet::agent {

class Minter {
 public:
  Minter(Host host, ServerApi& server, IdentityStore& store, crypto::KeyType key_type)
      : host_(std::move(host)), server_(server), store_(store), key_type_(key_type) {}

  struct Done {
    std::size_t minted = 0;
    std::size_t refused = 0;  // items that the server answered with an error; logged
  };
  /// At most limit() entries. Blocks. Errors   of the call as a whole
  Result<Done> mint(const std::vector<EntryPtr>& entries);
  /// How many a batch may have: 500, halved by each failed call, doubled by each that succeeds.
  std::size_t limit() const { return limit_; }
  /// SVIDs a second that the last batch of some size came at; 0: none yet. From any thread.
  double rate() const { return rate_.load(std::memory_order_relaxed); }

 private:
  const Host host_;
  ServerApi& server_;
  IdentityStore& store_;
  const crypto::KeyType key_type_;
  std::size_t limit_ = 500;
  std::atomic<double> rate_{0};
};

}  // namespace signet::agent
