// All of gRPC over the byte-wise `rpc` host service; most files need one of these alone.
#pragma once

#include "signet/rpc/acceptor.h"
#include "signet/rpc/client.h"
#include "signet/rpc/listener.h"
