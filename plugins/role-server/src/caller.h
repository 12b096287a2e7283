// Caller: who makes a call, as far as the transport and the records can tell.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "signet/spiffe_id.h"

#include "method_table.h"

namespace spire::api::types {
class Entry;
}

namespace signet::server {

struct AgentRecord;
using AgentPtr = std::shared_ptr<const AgentRecord>;
using EntryPtr = std::shared_ptr<const spire::api::types::Entry>;

// What a peer's verified certificate says; made once per connection.
struct PeerIdentity {
  SpiffeId spiffe_id;
  std::string serial;  // decimal
  std::int64_t not_after = 0;
};

struct Caller {
  bool local = false;                            // came over the admin socket
  std::shared_ptr<const PeerIdentity> identity;  // null: no client certificate
  CallerClass authorized_as = kNobody;
  std::string_view authorized_via;  // "transport", "config", "entries", "datastore" or ""
  AgentPtr agent;                   // set when authorized_as is kAgent
  bool promote = false;             // the agent shows its renewed SVID for the first time
  // Memory alone may not decide: Authorizer::confirm() has to, and what stands above is void.
  bool unconfirmed = false;
  EntryPtr downstream_entry;  // set when authorized_as is kDownstream
  std::string address;        // "10.0.0.7:4711"; "" for local callers
  std::int32_t pid = 0;       // local callers only, as are uid and gid
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::string path;  // executable of a local caller; only when auditing

  /// The caller before anything was decided.
  Caller unknown() const {
    Caller caller;
    caller.local = local;
    caller.identity = identity;
    caller.address = address;
    caller.pid = pid;
    caller.uid = uid;
    caller.gid = gid;
    caller.path = path;
    return caller;
  }
  /// "nobody", "local", "admin", "downstream" or "agent", as logs name it.
  std::string_view class_name() const {
    switch (authorized_as) {
      case kLocal:
        return "local";
      case kAdmin:
        return "admin";
      case kDownstream:
        return "downstream";
      case kAgent:
        return "agent";
      default:
        return "nobody";
    }
  }
  /// The address without the port: what rate limits count by.
  std::string_view ip() const {
    std::string_view text = address;
    const std::size_t colon = text.rfind(':');
    if (colon != std::string_view::npos) text = text.substr(0, colon);
    if (text.size() > 1 && text.front() == '[') text = text.substr(1, text.size() - 2);
    return text;
  }
};

}  // namespace signet::server
