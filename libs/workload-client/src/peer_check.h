// What both TLS sides do with the certificates that a peer has presented.
#pragma once

#include "workload_client/authorize.h"
#include "workload_client/x509_bundles.h"

namespace signet::workload_client {

/// The ID of the peer with that chain (leaf first), judged now by the bundle of its own trust
/// domain and by `authorize`. bundles: nullptr while there are none. Errors   kUnavailable without
/// bundles; verify_svid()'s; authorize's, kInternal if it throws
Result<SpiffeId> check_peer(const std::vector<x509::Certificate>& chain, const X509Bundles* bundles,
                            const Authorize& authorize);

}  // namespace signet::workload_client
