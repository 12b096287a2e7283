// Connection: one accepted connection and what is known about its peer.
//
// Shared by the listener (until the connection ends) and by every call on it (until done()), so
// a call's peer stays valid, and closed() comes after the last call.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "signet/abi/rpc.h"

#include "connection_counts.h"

namespace signet::rpc_grpc {

// A peer in the C shape, with the memory its spans point into. It owes the acceptor a closed()
// once verify() has accepted it.
struct Peer {
  signet_rpc_peer abi{};
  std::string address;
  std::vector<std::string> chain;  // DER, leaf first
  std::string id;
  std::atomic<bool> verified{false};  // set last: id and user are readable then

  Peer(const signet_rpc_acceptor* acceptor, void* self);
  ~Peer();
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;
  /// Points the spans at the strings; after the last change of those.
  void seal();
  void accept(std::string verified_id, void* user);

 private:
  const signet_rpc_acceptor* const acceptor_;
  void* const self_;
  std::vector<signet_bytes> spans_;
};
using PeerPtr = std::shared_ptr<Peer>;

struct Connection {
  Connection(const signet_rpc_acceptor* acceptor, void* self)
      : peer(std::make_shared<Peer>(acceptor, self)) {}
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Ends it from our side; whoever reads from it sees the end.
  void shut_down();

  PeerPtr peer;
  int socket = -1;
  // Whose it is when connections are counted: "uid 0", an address, or the peer's ID once it is
  // known.
  std::string counts_for;
  ConnectionCounts::Count takes{1, 1};  // under the listener's lock
  bool known = true;  // false: whose it is has to be asked before the first call, on its loop
};

using ConnectionPtr = std::shared_ptr<Connection>;

/// A number no other connection of this process has had.
uint64_t next_connection_number();

}  // namespace signet::rpc_grpc
