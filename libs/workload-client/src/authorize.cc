#include "workload_client/authorize.h"

#include <algorithm>

namespace signet::workload_client {

Authorize authorize_any() {
  return [](const SpiffeId&) { return Status(); };
}

Authorize authorize_id(SpiffeId id) { return authorize_one_of({std::move(id)}); }

Authorize authorize_one_of(std::vector<SpiffeId> ids) {
  return [ids = std::move(ids)](const SpiffeId& peer) {
    return std::ranges::find(ids, peer) != ids.end()
               ? Status()
               : Status::permission_denied("unexpected peer ID \"" + peer.to_string() + "\"");
  };
}

Authorize authorize_member_of(TrustDomain trust_domain) {
  return [td = std::move(trust_domain)](const SpiffeId& peer) {
    return peer.member_of(td) ? Status()
                              : Status::permission_denied("peer \"" + peer.to_string() +
                                                          "\" is not of trust domain " + td.name());
  };
}

}  // namespace signet::workload_client
