// A writer of DER that appends to one buffer.
//
// A constructed element is written by a function: open it, write the contents, and the length is
// put in when the function returns.
//
//   der::Writer w;
//   w.sequence([&] { w.small_integer(2); w.oid(kOid); });
//   Bytes der = std::move(w).take();
#pragma once

#include <chrono>

#include "crypto/der_reader.h"

namespace signet::crypto::der {

class Writer {
 public:
  Writer() = default;
  explicit Writer(std::size_t reserve) { out_.reserve(reserve); }

  template <typename Body>
  void nested(std::uint8_t tag, Body body) {
    const std::size_t at = open(tag);
    body();
    close(at);
  }
  template <typename Body>
  void sequence(Body body) {
    nested(kSequence, body);
  }
  template <typename Body>
  void set(Body body) {
    nested(kSet, body);
  }
  /// Opens a constructed element by hand; close() takes what open() answered.
  std::size_t open(std::uint8_t tag);
  void close(std::size_t at);

  void raw(ByteView der) { out_.insert(out_.end(), der.begin(), der.end()); }
  void element(std::uint8_t tag, ByteView contents);
  void text(std::uint8_t tag, std::string_view contents) { element(tag, as_bytes(contents)); }
  void boolean(bool value);
  void small_integer(std::uint64_t value);
  /// Big-endian magnitude; leading zeros are dropped and a sign byte is put in where needed.
  void unsigned_integer(ByteView magnitude);
  void oid(ByteView contents) { element(kOid, contents); }
  void null() { element(kNull, {}); }
  void octet_string(ByteView contents) { element(kOctetString, contents); }
  void bit_string(ByteView octets);     // no unused bits
  void named_bits(std::uint16_t bits);  // bit n = named bit n; trailing zeros cut
  /// UTCTime for 1950 to 2049, else GeneralizedTime (RFC 5280 4.1.2.5).
  void time(std::chrono::sys_seconds when);

  const Bytes& bytes() const { return out_; }
  std::size_t size() const { return out_.size(); }
  Bytes take() && { return std::move(out_); }

 private:
  Bytes out_;
};

}  // namespace signet::crypto::der
