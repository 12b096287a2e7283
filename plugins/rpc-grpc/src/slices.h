// Blobs and received messages as gRPC sees them, without copying.
#pragma once

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>

#include "signet/abi/host.h"

namespace signet::rpc_grpc {

/// Wraps `blob` and takes over the caller's reference, which goes when gRPC drops its last
/// slice. A SECRET blob is wiped by its owner then; what the kernel copied is out of reach.
grpc::ByteBuffer to_byte_buffer(const signet_host_blob* api, signet_blob* blob);

// A received message in one piece; the bytes live as long as the object.
class Message {
 public:
  explicit Message(grpc::ByteBuffer* buffer);
  bool ok() const { return ok_; }
  signet_bytes bytes() const { return {slice_.begin(), slice_.size()}; }

 private:
  grpc::Slice slice_;
  bool ok_;
};

}  // namespace signet::rpc_grpc
