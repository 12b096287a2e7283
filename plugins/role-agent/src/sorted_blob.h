// A message as bytes that do not depend on the order in which maps keep their entries.
#pragma once

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include "signet/host.h"

namespace signet::agent {

/// Map entries are in the order of their keys: the same bundles are the same bytes, which is how a
/// stream knows that there is nothing new. size: the message's ByteSizeLong(), just asked for.
template <typename Message>
void write_sorted(const Message& message, std::size_t size, std::uint8_t* to) {
  google::protobuf::io::ArrayOutputStream array(to, static_cast<int>(size));
  google::protobuf::io::CodedOutputStream out(&array);
  out.SetSerializationDeterministic(true);
  message.SerializeWithCachedSizes(&out);
}

template <typename Message>
Blob sorted_blob(const Host& host, const Message& message, bool secret = false) {
  const std::size_t size = message.ByteSizeLong();
  return host.blob_filled(
      size, [&](std::uint8_t* to) { write_sorted(message, size, to); }, secret);
}

}  // namespace signet::agent
