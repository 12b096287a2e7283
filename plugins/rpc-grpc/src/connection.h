// Connection: one accepted connection and what is known about its peer.
//
// Shared by the listener (until the connection ends) and by every call on it (until done()), so
// a call's peer stays valid, and closed() comes after the last call.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "signet/abi/rpc.h"

namespace signet::rpc_grpc {

// A peer in the C shape, with the memory its spans point into.
struct Peer {
  signet_rpc_peer abi{};
  std::string address;
  std::vector<std::string> chain;  // DER, leaf first
  std::string id;

  Peer() {
    abi.struct_size = sizeof abi;
    abi.pidfd = -1;
  }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;
  /// Points the spans at the strings; after the last change of those.
  void seal();

 private:
  std::vector<signet_bytes> spans_;
};

class Connection {
 public:
  Connection(const signet_rpc_acceptor* acceptor, void* self);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Ends it from our side: gRPC sees an end of file.
  void shut_down();

  Peer peer;
  int socket = -1;       // a duplicate of gRPC's
  uint64_t token = 0;    // in the accept loop
  std::string ip;        // counts against this address; empty on Unix sockets
  bool verified = false; // verify() returned OK, so closed() is owed

 private:
  const signet_rpc_acceptor* const acceptor_;
  void* const self_;
};

using ConnectionPtr = std::shared_ptr<Connection>;

/// A number no other connection of this process has had.
uint64_t next_connection_number();

}  // namespace signet::rpc_grpc
