#include "h2_headers.h"

#include "h2_request.h"

namespace signet::rpc_grpc {

H2Headers::H2Headers(int http_status) : http_(std::to_string(http_status)) {
  add(":status", http_);
  add("content-type", "application/grpc");
}

void H2Headers::add_status(signet_status code, std::string_view message, std::string_view details) {
  code_ = std::to_string(static_cast<int>(code));
  add("grpc-status", code_);
  if (!message.empty()) add("grpc-message", message_ = percent_encoded(message));
  if (!details.empty()) add("grpc-status-details-bin", details_ = base64_unpadded(details));
}

void H2Headers::add(std::string_view name, std::string_view value) {
  const auto bytes = [](std::string_view s) {
    return const_cast<uint8_t*>(reinterpret_cast<const uint8_t*>(s.data()));
  };
  fields_[size_++] = {bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
}

}  // namespace signet::rpc_grpc
