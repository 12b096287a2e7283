#include "crypto/der_writer.h"

#include <cstdio>

namespace signet::crypto::der {

namespace {

// Writes tag and length before contents of a known size.
void put_header(Bytes& out, std::uint8_t tag, std::size_t size) {
  out.push_back(tag);
  if (size < 0x80) {
    out.push_back(static_cast<std::uint8_t>(size));
    return;
  }
  int count = 1;
  while (size >> (8 * count) != 0) ++count;
  out.push_back(static_cast<std::uint8_t>(0x80 | count));
  for (int i = count - 1; i >= 0; --i) out.push_back(static_cast<std::uint8_t>(size >> (8 * i)));
}

}  // namespace

std::size_t Writer::open(std::uint8_t tag) {
  out_.push_back(tag);
  out_.push_back(0);
  return out_.size();
}

void Writer::close(std::size_t at) {
  const std::size_t size = out_.size() - at;
  if (size < 0x80) {
    out_[at - 1] = static_cast<std::uint8_t>(size);
    return;
  }
  std::uint8_t length[8];
  int count = 1;
  while (size >> (8 * count) != 0) ++count;
  for (int i = 0; i < count; ++i) {
    length[i] = static_cast<std::uint8_t>(size >> (8 * (count - 1 - i)));
  }
  out_[at - 1] = static_cast<std::uint8_t>(0x80 | count);
  out_.insert(out_.begin() + static_cast<std::ptrdiff_t>(at), length, length + count);
}

void Writer::element(std::uint8_t tag, ByteView contents) {
  put_header(out_, tag, contents.size());
  raw(contents);
}

void Writer::boolean(bool value) {
  const std::uint8_t byte = value ? 0xff : 0x00;
  element(kBoolean, {&byte, 1});
}

void Writer::small_integer(std::uint64_t value) {
  std::uint8_t bytes[8];
  for (int i = 0; i < 8; ++i) bytes[i] = static_cast<std::uint8_t>(value >> (8 * (7 - i)));
  unsigned_integer(bytes);
}

void Writer::unsigned_integer(ByteView magnitude) {
  while (magnitude.size() > 1 && magnitude[0] == 0) magnitude = magnitude.subspan(1);
  const bool sign_byte = magnitude.empty() || (magnitude[0] & 0x80) != 0;
  put_header(out_, kInteger, magnitude.size() + (sign_byte ? 1 : 0));
  if (sign_byte) out_.push_back(0);
  raw(magnitude);
}

void Writer::bit_string(ByteView octets) {
  put_header(out_, kBitString, octets.size() + 1);
  out_.push_back(0);
  raw(octets);
}

void Writer::named_bits(std::uint16_t bits) {
  std::uint8_t octets[3] = {};
  int highest = -1;
  for (int b = 0; b < 16; ++b) {
    if ((bits >> b & 1) == 0) continue;
    octets[1 + b / 8] = static_cast<std::uint8_t>(octets[1 + b / 8] | 0x80u >> (b % 8));
    highest = b;
  }
  octets[0] = static_cast<std::uint8_t>(highest < 0 ? 0 : 7 - highest % 8);
  element(kBitString, {octets, static_cast<std::size_t>(highest < 0 ? 1 : 2 + highest / 8)});
}

void Writer::time(std::chrono::sys_seconds when) {
  const auto day = std::chrono::floor<std::chrono::days>(when);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(when - day);
  const int year = static_cast<int>(date.year());
  const bool utc = year >= 1950 && year < 2050;
  char text[32];
  const int size = std::snprintf(
      text, sizeof text, utc ? "%02d%02u%02u%02d%02d%02dZ" : "%04d%02u%02u%02d%02d%02dZ",
      utc ? year % 100 : year, static_cast<unsigned>(date.month()),
      static_cast<unsigned>(date.day()), static_cast<int>(clock.hours().count()),
      static_cast<int>(clock.minutes().count()), static_cast<int>(clock.seconds().count()));
  this->text(utc ? kUtcTime : kGeneralizedTime, {text, static_cast<std::size_t>(size)});
}

}  // namespace signet::crypto::der
