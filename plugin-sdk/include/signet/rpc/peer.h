// RpcPeer: the other side of a connection, as the transport knows it. The fields are told in
// abi/rpc.h; what they point at lives as long as the connection.
#pragma once

#include "signet/abi/rpc.h"

namespace signet {

using RpcPeer = signet_rpc_peer;

}  // namespace signet
