#include "entry_wire.h"

#include <array>
#include <span>

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

std::size_t varint_size(uint64_t value) {
  std::size_t size = 1;
  while (value >>= 7) ++size;
  return size;
}

bool read_long_varint(std::string_view bytes, std::size_t& at, uint64_t& value) {
  value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    if (at >= bytes.size()) return false;
    const auto b = static_cast<unsigned char>(bytes[at++]);
    value |= static_cast<uint64_t>(b & 0x7f) << shift;
    if (b < 0x80) return true;
  }
  return false;
}

// Reads a varint at `at` and moves past it; a torn one ends the walk. Nearly all have one byte.
inline bool read_varint(std::string_view bytes, std::size_t& at, uint64_t& value) {
  if (at < bytes.size() && static_cast<unsigned char>(bytes[at]) < 0x80) {
    value = static_cast<unsigned char>(bytes[at++]);
    return true;
  }
  return read_long_varint(bytes, at, value);
}

// One field after the other.
class Fields {
 public:
  explicit Fields(std::string_view bytes) : bytes_(bytes) {}

  bool next() {
    begin_ = at_;
    uint64_t tag = 0;
    if (at_ >= bytes_.size() || !read_varint(bytes_, at_, tag)) return false;
    number_ = tag >> 3;
    switch (tag & 7) {
      case 0:
        text_ = {};
        return read_varint(bytes_, at_, value_);
      case 1:
        return skip(8);
      case 2:
        return read_varint(bytes_, at_, value_) && skip(value_);
      case 5:
        return skip(4);
      default:
        return false;
    }
  }
  /// Whether next() came to the end rather than upon something torn.
  bool ended() const { return begin_ == bytes_.size(); }

  uint64_t number() const { return number_; }
  uint64_t value() const { return value_; }        // of a number
  std::string_view text() const { return text_; }  // of a length-delimited field
  std::string_view whole() const { return bytes_.substr(begin_, at_ - begin_); }

 private:
  bool skip(uint64_t size) {
    if (size > bytes_.size() - at_) return false;
    text_ = bytes_.substr(at_, size);
    at_ += size;
    return true;
  }

  const std::string_view bytes_;
  std::size_t at_ = 0;
  std::size_t begin_ = 0;
  uint64_t number_ = 0;
  uint64_t value_ = 0;
  std::string_view text_;
};

bool read_id(std::string_view encoded, std::string_view& domain, std::string_view& path) {
  using spire::api::types::SPIFFEID;
  Fields fields(encoded);
  while (fields.next()) {
    if (fields.number() == SPIFFEID::kTrustDomainFieldNumber) domain = fields.text();
    if (fields.number() == SPIFFEID::kPathFieldNumber) path = fields.text();
  }
  return fields.ended();
}

// Wanted fields that stand side by side are one run.
template <typename F>
void for_each_run(std::string_view encoded, uint32_t wanted, F&& fn) {
  std::size_t begin = 0;  // of the run
  std::size_t end = 0;    // of what has been read
  Fields fields(encoded);
  while (fields.next()) {
    const std::size_t at = end;
    end += fields.whole().size();
    if (fields.number() < 32 && (wanted >> fields.number() & 1u) != 0) continue;
    if (begin != at) fn(encoded.substr(begin, at - begin));
    begin = end;
  }
  if (begin != end) fn(encoded.substr(begin, end - begin));
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

bool read_entry(std::string_view encoded, EntryParts& parts) {
  using spire::api::types::Entry;
  // So that absent texts have a place in the bytes too.
  parts.id = parts.domain = parts.path = parts.parent_domain = parts.parent_path =
      encoded.substr(0, 0);
  Fields fields(encoded);
  while (fields.next()) {
    switch (fields.number()) {
      case Entry::kIdFieldNumber:
        parts.id = fields.text();
        break;
      case Entry::kSpiffeIdFieldNumber:
        if (!read_id(fields.text(), parts.domain, parts.path)) return false;
        break;
      case Entry::kParentIdFieldNumber:
        if (!read_id(fields.text(), parts.parent_domain, parts.parent_path)) return false;
        break;
      case Entry::kSelectorsFieldNumber:
        parts.has_selectors = true;
        break;
      case Entry::kAdminFieldNumber:
        parts.admin = fields.value() != 0;
        break;
      case Entry::kDownstreamFieldNumber:
        parts.downstream = fields.value() != 0;
        break;
      case Entry::kExpiresAtFieldNumber:
        parts.expires_at = static_cast<int64_t>(fields.value());
        break;
      case Entry::kRevisionNumberFieldNumber:
        parts.revision_number = static_cast<int64_t>(fields.value());
        break;
      case Entry::kCreatedAtFieldNumber:
        parts.created_at = static_cast<int64_t>(fields.value());
        break;
      default:
        break;
    }
  }
  return fields.ended();
}

bool read_selectors(std::string_view encoded,
                    std::vector<std::pair<std::string_view, std::string_view>>& selectors) {
  using spire::api::types::Entry;
  using spire::api::types::Selector;
  Fields fields(encoded);
  while (fields.next()) {
    if (fields.number() != Entry::kSelectorsFieldNumber) continue;
    auto& [type, value] = selectors.emplace_back();
    Fields parts(fields.text());
    while (parts.next()) {
      if (parts.number() == Selector::kTypeFieldNumber) type = parts.text();
      if (parts.number() == Selector::kValueFieldNumber) value = parts.text();
    }
    if (!parts.ended()) return false;
  }
  return fields.ended();
}

bool read_texts(std::string_view message, uint32_t number, std::vector<std::string_view>& texts) {
  Fields fields(message);
  while (fields.next()) {
    if (fields.number() == number) texts.push_back(fields.text());
  }
  return fields.ended();
}

void append_masked_entry(std::string_view encoded, uint32_t fields, std::string& out) {
  if (fields == kAllFields) {
    out.append(encoded);
  } else {
    for_each_run(encoded, fields, [&](std::string_view run) { out.append(run); });
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

void append_field_head(uint32_t number, std::size_t size, std::string& out) {
  append_varint(uint64_t{number} << 3 | 2u, out);
  append_varint(size, out);
}

void append_field(uint32_t number, std::string_view bytes, std::string& out) {
  append_field_head(number, bytes.size(), out);
  out.append(bytes);
}

void append_number_field(uint32_t number, uint64_t value, std::string& out) {
  if (value == 0) return;
  append_varint(uint64_t{number} << 3, out);
  append_varint(value, out);
}

std::size_t field_size(uint32_t number, std::string_view bytes) {
  return varint_size(uint64_t{number} << 3) + varint_size(bytes.size()) + bytes.size();
}

std::size_t number_field_size(uint32_t number, uint64_t value) {
  return value == 0 ? 0 : varint_size(uint64_t{number} << 3) + varint_size(value);
}

void append_entry_field(uint32_t number, std::string_view encoded, uint32_t fields,
                        std::string& out) {
  if (fields == kAllFields) {
    append_field(number, encoded, out);
    return;
  }
  // The length comes first, so the runs are found before they are copied.
  std::array<std::string_view, 16> runs;
  std::size_t count = 0;
  std::size_t size = 0;
  for_each_run(encoded, fields, [&](std::string_view run) {
    if (count < runs.size()) runs[count] = run;
    ++count;
    size += run.size();
  });
  append_field_head(number, size, out);
  if (count > runs.size()) {  // no encoder of ours makes so many
    append_masked_entry(encoded, fields, out);
    return;
  }
  for (const std::string_view run : std::span(runs).first(count)) out.append(run);
}

}  // namespace signet::server
