// A message as bytes that do not depend on the order in which maps keep their entries.
#pragma once

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include "signet/host.h"

namespace signet::agent {

/// Map entries are in the order of their keys: the same bundles are the same bytes, which is how a
/// stream knows that there is nothing new.
template <typename Message>
Blob sorted_blob(const Host& host, const Message& message, bool secret = false) {
  const std::size_t size = message.ByteSizeLong();
  const auto write = [&](std::uint8_t* data) {
    google::protobuf::io::ArrayOutputStream array(data, static_cast<int>(size));
    google::protobuf::io::CodedOutputStream out(&array);
    out.SetSerializationDeterministic(true);
    message.SerializeWithCachedSizes(&out);
  };
  return host.blob_filled(size, write, secret);
}

}  // namespace signet::agent
