// The private key of an Identity as OpenSSL takes it, whether it lies in a host secret or stays in
// a key manager. There, signatures are made over there (EC only: for RSA the hook would see a
// padded block, not a digest).
#pragma once

#include <memory>

#include <openssl/evp.h>

#include "acceptor_call.h"
#include "runtime.h"

namespace signet::rpc_grpc {

struct PkeyFree {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using PkeyPtr = std::unique_ptr<EVP_PKEY, PkeyFree>;

/// Errors: kInvalidArgument when the key and the leaf certificate do not belong together.
Result<PkeyPtr> private_key_of(const Owner& owner, const Identity& identity);

// While one is in scope, the thread is a worker of the owner's: a key manager is asked on it, not
// on another one.
class OnWorker {
 public:
  OnWorker();
  ~OnWorker();
  OnWorker(const OnWorker&) = delete;
  OnWorker& operator=(const OnWorker&) = delete;
};

}  // namespace signet::rpc_grpc
