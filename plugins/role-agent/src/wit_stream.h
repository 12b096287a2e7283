// WitStream: one open FetchWITSVID.
//
// It sends every WIT-SVID the caller is entitled to, and all of them again whenever one is new:
// because an entry changed, or half of its life is over. A server that cannot be asked leaves an
// open stream silent; nothing expired is sent.
#pragma once

#include <atomic>
#include <map>
#include <mutex>

#include "signet/rpc/server_call.h"

#include "identity_table.h"
#include "lane.h"
#include "loop.h"
#include "wit_minter.h"

namespace signet::agent {

class WitStream : public std::enable_shared_from_this<WitStream> {
 public:
  /// spiffe_id   the one asked for; "": all
  /// lane        where the server is asked; outlives the call
  WitStream(Host host, std::shared_ptr<ServerCall> call, WitMinter& minter, Lane& lane,
            std::string spiffe_id);

  /// In the call's handler: from now on the call keeps the stream, until it is over.
  void bind();
  /// Subscribes and sends what there is, now or later, from any thread. Does not block.
  /// loggable   of the selectors, should there be no identity: see no_identity.h
  void open(IdentityTable& table, const SelectorSet& selectors, std::string loggable);

 private:
  struct Held {
    EntryPtr entry;
    WitSvidPtr svid;
  };
  std::chrono::nanoseconds round();
  void look_soon();
  void work();
  /// Brings held_ level with these entries. Errors   of the server
  Status renew(const std::vector<EntryPtr>& entries);
  void send(const std::vector<EntryPtr>& entries);

  Host host_;
  const std::shared_ptr<ServerCall> call_;
  WitMinter& minter_;
  Lane& lane_;
  const std::string spiffe_id_;
  const std::int32_t pid_;
  std::mutex mutex_;  // guards subscription_, loggable_, over_
  std::unique_ptr<Subscription> subscription_;
  std::string loggable_;
  bool over_ = false;
  // One piece of work at a time, which alone uses what follows.
  std::atomic<bool> working_{false};
  std::map<std::string, Held> held_;  // by entry ID
  bool sent_ = false;                 // what is held
  bool sent_any_ = false;
  std::atomic<std::int64_t> look_at_ns_{0};  // monotonic
  Loop loop_;
};

}  // namespace signet::agent
