// The OpenSSL ENGINE `signet`: how gRPC uses a private key that is not in a PEM file.
//
// gRPC takes "engine:signet:<handle>" where a PEM key is expected and asks the engine for the key.
// This file is the seam: a gRPC with a custom signer would replace it alone. The server needs none
// of it, it gives OpenSSL the key itself (tls_key.h).
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "acceptor_call.h"
#include "runtime.h"

namespace signet::rpc_grpc {

// A key that gRPC can name as long as the object lives.
class EngineKey {
 public:
  /// Errors: kInvalidArgument when the key and the leaf certificate do not belong together.
  static Result<std::unique_ptr<EngineKey>> create(const Owner& owner, const Identity& identity);
  ~EngineKey();
  EngineKey(const EngineKey&) = delete;
  EngineKey& operator=(const EngineKey&) = delete;
  /// "engine:signet:7:" Whatever follows the last colon is ignored.
  std::string reference() const;

 private:
  explicit EngineKey(uint64_t handle) : handle_(handle) {}
  const uint64_t handle_;
};

}  // namespace signet::rpc_grpc
