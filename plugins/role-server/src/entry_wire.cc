#include "entry_wire.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

namespace signet::server {
namespace {

constexpr uint32_t kAllFields = ~uint32_t{0};
constexpr uint32_t kIdField = 1;

void append_varint(uint64_t value, std::string& out) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}

// Reads a varint at `at` and moves past it. Our own encoder made the bytes; a torn one ends the
// walk.
bool read_varint(std::string_view bytes, std::size_t& at, uint64_t& value) {
  value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    if (at >= bytes.size()) return false;
    const auto b = static_cast<unsigned char>(bytes[at++]);
    value |= static_cast<uint64_t>(b & 0x7f) << shift;
    if (b < 0x80) return true;
  }
  return false;
}

bool skip_value(std::string_view bytes, std::size_t& at, uint32_t wire_type) {
  uint64_t n = 0;
  switch (wire_type) {
    case 0:
      return read_varint(bytes, at, n);
    case 1:
      at += 8;
      break;
    case 2:
      if (!read_varint(bytes, at, n) || n > bytes.size() - at) return false;
      at += n;
      break;
    case 5:
      at += 4;
      break;
    default:
      return false;
  }
  return at <= bytes.size();
}

}  // namespace

uint32_t entry_fields(const spire::api::types::EntryMask* mask) {
  if (mask == nullptr) return kAllFields;
  // The mask's field numbers are the entry's own.
  uint32_t fields = 1u << kIdField;
  const auto* descriptor = mask->GetDescriptor();
  const auto* reflection = mask->GetReflection();
  for (int n = 0; n < descriptor->field_count(); ++n) {
    const auto* field = descriptor->field(n);
    if (reflection->GetBool(*mask, field)) fields |= 1u << field->number();
  }
  return fields;
}

void append_masked_entry(std::string_view encoded, uint32_t fields, std::string& out) {
  if (fields == kAllFields) {
    out.append(encoded);
    return;
  }
  std::size_t at = 0;
  while (at < encoded.size()) {
    const std::size_t begin = at;
    uint64_t tag = 0;
    if (!read_varint(encoded, at, tag) || !skip_value(encoded, at, static_cast<uint32_t>(tag & 7)))
      return;
    const uint64_t number = tag >> 3;
    if (number < 32 && (fields >> number & 1u) != 0) out.append(encoded.substr(begin, at - begin));
  }
}

void apply_mask(spire::api::types::Entry& entry, uint32_t fields) {
  if (fields == kAllFields) return;
  const auto* descriptor = entry.GetDescriptor();
  const auto* reflection = entry.GetReflection();
  for (int n = 0; n < descriptor->field_count(); ++n) {
    const auto* field = descriptor->field(n);
    if ((fields >> field->number() & 1u) == 0) reflection->ClearField(&entry, field);
  }
}

void append_field(uint32_t number, std::string_view bytes, std::string& out) {
  append_varint(uint64_t{number} << 3 | 2u, out);
  append_varint(bytes.size(), out);
  out.append(bytes);
}

}  // namespace signet::server
