// Calls of a signet_rpc_acceptor's functions: the transport is the caller here and makes the call
// object. The callee may answer at once or PENDING and later.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "signet/status.h"

#include "connection.h"
#include "runtime.h"

namespace signet::rpc_grpc {

// What identity() emitted. The key's reference is held.
struct Identity {
  std::vector<std::string> chain;  // DER, leaf first
  Secret key;
  std::string key_manager;
  std::string key_id;
};

struct Verdict {
  std::string id;
  void* user = nullptr;
};

/// Asks for the identity; from a worker. `done` runs once, on whatever thread completes.
void ask_identity(const Owner& owner, const signet_rpc_acceptor& acceptor, void* self,
                  int64_t deadline_ns, std::function<void(Result<Identity>)> done);
/// Asks for the verdict on `peer`, which must live until `done`; from a worker.
void ask_verdict(const Owner& owner, const signet_rpc_acceptor& acceptor, void* self,
                 const signet_rpc_peer& peer, int64_t deadline_ns,
                 std::function<void(Result<Verdict>)> done);

// The same, waiting for the answer, for as long as the acceptor takes.
Result<Identity> ask_identity_now(const Owner& owner, const signet_rpc_acceptor& acceptor,
                                  void* self, int64_t deadline_ns);
Result<Verdict> ask_verdict_now(const Owner& owner, const signet_rpc_acceptor& acceptor, void* self,
                                const signet_rpc_peer& peer, int64_t deadline_ns);

}  // namespace signet::rpc_grpc
