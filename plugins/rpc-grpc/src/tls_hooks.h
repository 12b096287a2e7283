// What gRPC does not let us set on its TLS connections, set on OpenSSL's.
//
// OpenSSL tells of each SSL object that is made. While ServerHandshake is in scope on a thread,
// the objects made there (gRPC makes one as a connection is handed over) are the connection's: no
// tickets, no session cache, no renegotiation, and word when the handshake is done, with the
// chain that the peer sent. Other users of OpenSSL in the process are not touched.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace signet::rpc_grpc {

class ServerHandshake {
 public:
  /// chain: the peer's certificates, DER, leaf first; empty when it sent none.
  using Done = std::function<void(std::vector<std::string> chain)>;
  explicit ServerHandshake(Done done);
  ~ServerHandshake();
  ServerHandshake(const ServerHandshake&) = delete;
  ServerHandshake& operator=(const ServerHandshake&) = delete;

 private:
  Done done_;
};

}  // namespace signet::rpc_grpc
