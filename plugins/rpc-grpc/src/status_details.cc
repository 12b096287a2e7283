#include "status_details.h"

#include <cstdint>

namespace signet::rpc_grpc {
namespace {

void put_varint(std::string* out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out->push_back(static_cast<char>(value | 0x80));
  out->push_back(static_cast<char>(value));
}

void put_bytes(std::string* out, int field, std::string_view bytes) {
  put_varint(out, static_cast<uint64_t>(field) << 3 | 2);
  put_varint(out, bytes.size());
  out->append(bytes);
}

bool take_varint(std::string_view* in, uint64_t* value) {
  *value = 0;
  for (int shift = 0; shift < 64 && !in->empty(); shift += 7) {
    const auto byte = static_cast<uint8_t>(in->front());
    in->remove_prefix(1);
    *value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

}  // namespace

std::string encode_status_details(int code, std::string_view message, std::string_view any) {
  std::string out;
  out.reserve(message.size() + any.size() + 16);
  put_varint(&out, 1 << 3);
  put_varint(&out, static_cast<uint64_t>(code));
  if (!message.empty()) put_bytes(&out, 2, message);
  put_bytes(&out, 3, any);
  return out;
}

std::string first_detail(std::string_view in) {
  while (!in.empty()) {
    uint64_t tag = 0;
    uint64_t value = 0;
    if (!take_varint(&in, &tag)) return {};
    switch (tag & 7) {
      case 0:
        if (!take_varint(&in, &value)) return {};
        break;
      case 1:
      case 5: {
        const std::size_t size = (tag & 7) == 1 ? 8 : 4;
        if (in.size() < size) return {};
        in.remove_prefix(size);
        break;
      }
      case 2:
        if (!take_varint(&in, &value) || value > in.size()) return {};
        if (tag >> 3 == 3) return std::string(in.substr(0, value));
        in.remove_prefix(value);
        break;
      default:
        return {};
    }
  }
  return {};
}

}  // namespace signet::rpc_grpc
