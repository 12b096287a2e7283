// The flags that say what a registration entry is, shared by entry create and entry update.
#pragma once

#include "cli/admin_command.h"
#include "spire/api/types/entry.pb.h"

namespace signet::server::cli {

struct EntryFlags {
  std::string data;  // a file of entries instead of the flags below
  std::string entry_id, parent_id, spiffe_id, hint;
  std::int64_t x509_svid_ttl = 0, jwt_svid_ttl = 0, expiry = 0;
  std::vector<std::string> selectors, federates_with, dns_names;
  bool admin = false, downstream = false, store_svid = false;
  bool disable_prefetch = false, include_jti = false;

  /// presence_only: the two attributes that an update merges are on whenever they are given.
  void declare(FlagSet& flags, bool presence_only);
  Status check_ttls() const;
  /// All but the two IDs, which the commands read in their own order.
  Result<types::Entry> entry() const;
};

}  // namespace signet::server::cli
