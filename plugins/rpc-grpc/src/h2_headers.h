// The header fields of a gRPC response, as nghttp2 wants them. nghttp2 copies them when they are
// submitted; until then they live here.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include <nghttp2/nghttp2.h>

#include "signet/abi/base.h"

namespace signet::rpc_grpc {

class H2Headers {
 public:
  struct Trailers {};
  explicit H2Headers(Trailers) {}
  /// The head of a response.
  explicit H2Headers(int http_status);
  /// `details`: an encoded google.rpc.Status or "".
  void add_status(signet_status code, std::string_view message, std::string_view details);

  const nghttp2_nv* data() const { return fields_.data(); }
  std::size_t size() const { return size_; }

 private:
  void add(std::string_view name, std::string_view value);

  std::array<nghttp2_nv, 5> fields_;
  std::size_t size_ = 0;
  std::string http_;
  std::string code_;
  std::string message_;
  std::string details_;
};

}  // namespace signet::rpc_grpc
