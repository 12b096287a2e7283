// A strict reader of DER (X.690): definite, minimal lengths, one-byte tags, no exceptions.
//
// A Reader walks over bytes that it does not own. Each read either takes one whole element or
// leaves the reader failed: from then on every read answers nothing, so that a parser may read
// a run of fields and ask ok() once.
//
//   der::Reader top(input);
//   der::Reader seq = top.sequence();
//   ByteView serial = seq.integer();
//   if (!top.ok() || !seq.ok() || !top.at_end()) return malformed;
#pragma once

#include <chrono>
#include <optional>

#include "crypto/bytes.h"

namespace signet::crypto::der {

enum Tag : std::uint8_t {
  kBoolean = 0x01,
  kInteger = 0x02,
  kBitString = 0x03,
  kOctetString = 0x04,
  kNull = 0x05,
  kOid = 0x06,
  kUtf8String = 0x0c,
  kPrintableString = 0x13,
  kT61String = 0x14,
  kIa5String = 0x16,
  kUtcTime = 0x17,
  kGeneralizedTime = 0x18,
  kBmpString = 0x1e,
  kSequence = 0x30,
  kSet = 0x31,
};
constexpr std::uint8_t context(unsigned number) {  // [n] IMPLICIT, primitive
  return static_cast<std::uint8_t>(0x80 | number);
}
constexpr std::uint8_t context_constructed(unsigned number) {
  return static_cast<std::uint8_t>(0xa0 | number);
}

struct Element {
  std::uint8_t tag = 0;
  ByteView value;  // contents
  ByteView full;   // tag, length and contents
};

class Reader {
 public:
  Reader() = default;  // empty and failed
  explicit Reader(ByteView bytes) : rest_(bytes), ok_(true) {}

  bool ok() const { return ok_; }
  bool at_end() const { return ok_ && rest_.empty(); }
  bool done() const { return at_end(); }
  ByteView rest() const { return rest_; }
  void fail() { ok_ = false; }

  /// True when the next element has this tag; does not move.
  bool next_is(std::uint8_t tag) const { return ok_ && !rest_.empty() && rest_[0] == tag; }
  /// The next element, whatever it is.
  std::optional<Element> any();
  /// The contents of the next element, which must have this tag; empty and failed otherwise.
  ByteView expect(std::uint8_t tag);
  /// The same with tag and length.
  ByteView expect_full(std::uint8_t tag);
  /// A reader over the contents of the next element; a failed one if the tag differs.
  Reader nested(std::uint8_t tag);
  Reader sequence() { return nested(kSequence); }
  Reader set() { return nested(kSet); }

  bool boolean();               // 00 or FF only
  ByteView integer();           // two's complement, minimal, at least one byte
  ByteView unsigned_integer();  // the same, negative refused, no sign byte in the answer
  std::optional<std::uint64_t> small_integer();  // unsigned that fits
  ByteView oid();                                // contents, checked for minimal arcs
  ByteView octet_string() { return expect(kOctetString); }
  ByteView bit_string_octets();  // no unused bits allowed
  /// Named bits (RFC 5280 keyUsage): bit n of the answer is named bit n, at most 16 bits.
  std::optional<std::uint16_t> named_bits();
  /// UTCTime or GeneralizedTime in the forms of RFC 5280 4.1.2.5: seconds, "Z", no fraction.
  std::optional<std::chrono::sys_seconds> time();

 private:
  ByteView rest_;
  bool ok_ = false;
};

}  // namespace signet::crypto::der
