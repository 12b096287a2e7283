#include "crypto/der_reader.h"

namespace signet::crypto::der {

namespace {

// Two ASCII digits at `at` as a number; -1 when they are not digits.
int two_digits(ByteView text, std::size_t at) {
  const int high = text[at] - '0';
  const int low = text[at + 1] - '0';
  return high < 0 || high > 9 || low < 0 || low > 9 ? -1 : high * 10 + low;
}

}  // namespace

std::optional<Element> Reader::any() {
  if (!ok_ || rest_.size() < 2) {
    ok_ = false;
    return std::nullopt;
  }
  const std::uint8_t tag = rest_[0];
  std::size_t header = 2;
  std::size_t length = rest_[1];
  bool good = (tag & 0x1f) != 0x1f;  // multi-byte tags occur nowhere in what we read
  if (length >= 0x80) {
    const std::size_t count = length & 0x7f;
    // X.690 10.1: the definite form in the fewest octets; four octets are more than any input has.
    if (count == 0 || count > 4 || rest_.size() < 2 + count) {
      good = false;
    } else {
      length = 0;
      for (std::size_t i = 0; i < count; ++i) length = length << 8 | rest_[2 + i];
      header += count;
      const std::size_t least = count == 1 ? 0x80 : std::size_t{1} << (8 * (count - 1));
      if (length < least) good = false;
    }
  }
  if (!good || length > rest_.size() - header) {
    ok_ = false;
    return std::nullopt;
  }
  const Element element{tag, rest_.subspan(header, length), rest_.first(header + length)};
  rest_ = rest_.subspan(header + length);
  return element;
}

ByteView Reader::expect(std::uint8_t tag) {
  if (!next_is(tag)) {
    ok_ = false;
    return {};
  }
  const auto element = any();
  return element ? element->value : ByteView();
}

ByteView Reader::expect_full(std::uint8_t tag) {
  if (!next_is(tag)) {
    ok_ = false;
    return {};
  }
  const auto element = any();
  return element ? element->full : ByteView();
}

Reader Reader::nested(std::uint8_t tag) {
  const ByteView contents = expect(tag);
  return ok_ ? Reader(contents) : Reader();
}

bool Reader::boolean() {
  const ByteView value = expect(kBoolean);
  if (value.size() != 1 || (value[0] != 0x00 && value[0] != 0xff)) {
    ok_ = false;
    return false;
  }
  return value[0] == 0xff;
}

ByteView Reader::integer() {
  const ByteView value = expect(kInteger);
  const bool minimal =
      value.size() == 1 || (value.size() > 1 && !(value[0] == 0x00 && (value[1] & 0x80) == 0) &&
                            !(value[0] == 0xff && (value[1] & 0x80) != 0));
  if (!minimal) {
    ok_ = false;
    return {};
  }
  return value;
}

ByteView Reader::unsigned_integer() {
  const ByteView value = integer();
  if (!ok_ || (value[0] & 0x80) != 0) {
    ok_ = false;
    return {};
  }
  return value.size() > 1 && value[0] == 0 ? value.subspan(1) : value;
}

std::optional<std::uint64_t> Reader::small_integer() {
  const ByteView value = unsigned_integer();
  if (!ok_ || value.size() > 8) {
    ok_ = false;
    return std::nullopt;
  }
  std::uint64_t number = 0;
  for (std::uint8_t byte : value) number = number << 8 | byte;
  return number;
}

ByteView Reader::oid() {
  const ByteView value = expect(kOid);
  // X.690 8.19: each arc in base 128, no leading 80, the last octet without the high bit.
  bool good = !value.empty() && (value.back() & 0x80) == 0;
  bool starts_arc = true;
  for (std::uint8_t byte : value) {
    if (starts_arc && byte == 0x80) good = false;
    starts_arc = (byte & 0x80) == 0;
  }
  if (!good) {
    ok_ = false;
    return {};
  }
  return value;
}

ByteView Reader::bit_string_octets() {
  const ByteView value = expect(kBitString);
  if (value.empty() || value[0] != 0) {
    ok_ = false;
    return {};
  }
  return value.subspan(1);
}

std::optional<std::uint16_t> Reader::named_bits() {
  const ByteView value = expect(kBitString);
  const unsigned unused = value.empty() ? 8 : value[0];
  const bool empty = value.size() == 1;
  if (!ok_ || unused > 7 || value.size() > 3 || (empty && unused != 0)) {
    ok_ = false;
    return std::nullopt;
  }
  // X.690 11.2: unused bits are zero. (11.2.2, no trailing zero bits in a named list, is not held
  // against anyone: OpenSSL and Go both read such lists.)
  if (!empty && (value.back() & ((1u << unused) - 1)) != 0) {
    ok_ = false;
    return std::nullopt;
  }
  std::uint16_t bits = 0;
  for (std::size_t i = 1; i < value.size(); ++i) {
    for (unsigned b = 0; b < 8; ++b) {
      if ((value[i] & (0x80u >> b)) != 0) {
        bits = static_cast<std::uint16_t>(bits | 1u << ((i - 1) * 8 + b));
      }
    }
  }
  return bits;
}

std::optional<std::chrono::sys_seconds> Reader::time() {
  const bool utc = next_is(kUtcTime);
  const ByteView text = expect(utc ? kUtcTime : kGeneralizedTime);
  const std::size_t year_digits = utc ? 2 : 4;
  if (!ok_ || text.size() != year_digits + 11 || text.back() != 'Z') {
    ok_ = false;
    return std::nullopt;
  }
  int fields[7] = {};
  for (std::size_t i = 0; i < (year_digits + 10) / 2; ++i) {
    fields[i] = two_digits(text, 2 * i);
    if (fields[i] < 0) {
      ok_ = false;
      return std::nullopt;
    }
  }
  const int* rest = fields + year_digits / 2;
  const int year = utc ? fields[0] + (fields[0] < 50 ? 2000 : 1900) : fields[0] * 100 + fields[1];
  const std::chrono::year_month_day day{std::chrono::year(year),
                                        std::chrono::month(static_cast<unsigned>(rest[0])),
                                        std::chrono::day(static_cast<unsigned>(rest[1]))};
  if (!day.ok() || rest[2] > 23 || rest[3] > 59 || rest[4] > 59) {
    ok_ = false;
    return std::nullopt;
  }
  return std::chrono::sys_days(day) + std::chrono::hours(rest[2]) + std::chrono::minutes(rest[3]) +
         std::chrono::seconds(rest[4]);
}

}  // namespace signet::crypto::der
