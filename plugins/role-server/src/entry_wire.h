// EntryMask and the encoded form of spire.api.types.Entry.
//
// The server hands out entries by the hundred thousand, so the index keeps each one encoded and a
// mask is applied to the bytes: the fields wanted are copied, the others skipped, nothing is
// parsed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "spire/api/types/entry.pb.h"

namespace signet::server {

// What an encoded entry is indexed by; the texts lie in its bytes.
struct EntryParts {
  std::string_view id;
  std::string_view domain;  // of its SPIFFE ID
  std::string_view path;
  std::string_view parent_domain;
  std::string_view parent_path;
  int64_t expires_at = 0;
  int64_t revision_number = 0;
  int64_t created_at = 0;
  bool admin = false;
  bool downstream = false;
  bool has_selectors = false;
};
/// False when the bytes are not fields in a row. What is within a selector is not looked at.
bool read_entry(std::string_view encoded, EntryParts& parts);

/// The types and values of the selectors of an encoded entry, which lie in its bytes. False: as
/// read_entry().
bool read_selectors(std::string_view encoded,
                    std::vector<std::pair<std::string_view, std::string_view>>& selectors);

/// The texts of a repeated field of any message, which lie in its bytes. False: as read_entry().
bool read_texts(std::string_view message, uint32_t number, std::vector<std::string_view>& texts);

/// Which fields of an entry are wanted: bit N for field number N. A null mask wants all; the id
/// is always there.
uint32_t entry_fields(const spire::api::types::EntryMask* mask);

/// Appends the wanted fields of an encoded entry to `out`.
void append_masked_entry(std::string_view encoded, uint32_t fields, std::string& out);

/// The same for a message at hand.
void apply_mask(spire::api::types::Entry& entry, uint32_t fields);

/// Appends a length-delimited field: tag, length, bytes.
void append_field(uint32_t number, std::string_view bytes, std::string& out);
/// The same of an entry's wanted fields.
void append_entry_field(uint32_t number, std::string_view encoded, uint32_t fields,
                        std::string& out);
/// The most that tag and length of a field take.
inline constexpr std::size_t kFieldHead = 10;
/// Tag and length of a field of `size` bytes, which are appended next.
void append_field_head(uint32_t number, std::size_t size, std::string& out);
/// Appends a number as a field; nothing for 0, as encoders do.
void append_number_field(uint32_t number, uint64_t value, std::string& out);
/// How many bytes they append.
std::size_t field_size(uint32_t number, std::string_view bytes);
std::size_t number_field_size(uint32_t number, uint64_t value);

}  // namespace signet::server
