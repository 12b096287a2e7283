// EntryMask and the encoded form of spire.api.types.Entry.
//
// The server hands out entries by the hundred thousand, so the index keeps each one encoded and a
// mask is applied to the bytes: the fields wanted are copied, the others skipped, nothing is
// parsed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "spire/api/types/entry.pb.h"

namespace signet::server {

/// Which fields of an entry are wanted: bit N for field number N. A null mask wants all; the id
/// is always there.
uint32_t entry_fields(const spire::api::types::EntryMask* mask);

/// Appends the wanted fields of an encoded entry to `out`.
void append_masked_entry(std::string_view encoded, uint32_t fields, std::string& out);

/// The same for a message at hand.
void apply_mask(spire::api::types::Entry& entry, uint32_t fields);

/// Appends a length-delimited field: tag, length, bytes.
void append_field(uint32_t number, std::string_view bytes, std::string& out);

}  // namespace signet::server
