#include "slices.h"

#include "runtime.h"

namespace signet::rpc_grpc {

grpc::ByteBuffer to_byte_buffer(const signet_host_blob* api, signet_blob* blob) {
  const signet_bytes bytes = api->bytes(blob);
  if (bytes.len == 0) {
    api->unref(blob);
    const grpc::Slice empty;
    return grpc::ByteBuffer(&empty, 1);
  }
  // One process has one host, so every blob's table is the runtime's.
  const grpc::Slice slice(
      const_cast<uint8_t*>(bytes.ptr), bytes.len,
      [](void* held) { blob_api()->unref(static_cast<signet_blob*>(held)); }, blob);
  return grpc::ByteBuffer(&slice, 1);
}

Message::Message(grpc::ByteBuffer* buffer) {
  ok_ = buffer->TrySingleSlice(&slice_).ok() || buffer->DumpToSingleSlice(&slice_).ok();
  buffer->Clear();
}

}  // namespace signet::rpc_grpc
