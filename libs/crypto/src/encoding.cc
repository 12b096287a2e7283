#include "crypto/encoding.h"

namespace signet::crypto {

namespace {

constexpr char kHex[] = "0123456789abcdef";
constexpr char kStandard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr char kUrl[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

constexpr std::array<std::int8_t, 256> reverse(const char* alphabet) {
  std::array<std::int8_t, 256> table{};
  for (auto& entry : table) entry = -1;
  for (int i = 0; i < 64; ++i) {
    table[static_cast<unsigned char>(alphabet[i])] = static_cast<std::int8_t>(i);
  }
  return table;
}
constexpr auto kStandardReverse = reverse(kStandard);
constexpr auto kUrlReverse = reverse(kUrl);

// Works on any container of one-byte characters, so that secrets stay in wiped memory.
template <typename Out>
void encode(ByteView bytes, const char* alphabet, bool padding, Out& out) {
  std::size_t at = 0;
  const auto put = [&](std::uint32_t group, int characters) {
    for (int i = 0; i < characters; ++i) {
      out.push_back(static_cast<typename Out::value_type>(alphabet[group >> (18 - 6 * i) & 63]));
    }
  };
  for (; at + 3 <= bytes.size(); at += 3) {
    put(std::uint32_t{bytes[at]} << 16 | std::uint32_t{bytes[at + 1]} << 8 | bytes[at + 2], 4);
  }
  const std::size_t left = bytes.size() - at;
  if (left == 0) return;
  std::uint32_t group = std::uint32_t{bytes[at]} << 16;
  if (left == 2) group |= std::uint32_t{bytes[at + 1]} << 8;
  put(group, static_cast<int>(left) + 1);
  for (std::size_t i = left; padding && i < 3; ++i) out.push_back('=');
}

SecretBytes encode_secret(ByteView bytes, const char* alphabet, bool padding) {
  Bytes text;
  text.reserve((bytes.size() + 2) / 3 * 4);  // never grows: nothing is left behind unwiped
  encode(bytes, alphabet, padding, text);
  return SecretBytes::adopt(std::move(text));
}

std::optional<Bytes> decode(std::string_view text, const std::array<std::int8_t, 256>& table) {
  if (text.size() % 4 == 1) return std::nullopt;
  Bytes bytes;
  bytes.reserve(text.size() * 3 / 4);
  std::uint32_t group = 0;
  int bits = 0;
  for (char c : text) {
    const std::int8_t value = table[static_cast<unsigned char>(c)];  // -1: not of the alphabet
    if (value < 0) return std::nullopt;
    group = group << 6 | static_cast<std::uint8_t>(value);
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes.push_back(static_cast<std::uint8_t>(group >> bits));
      group &= (1u << bits) - 1;
    }
  }
  if (group != 0) return std::nullopt;  // RFC 4648 3.5: pad bits are zero
  return bytes;
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::string hex_encode(ByteView bytes) {
  std::string text;
  text.reserve(bytes.size() * 2);
  for (std::uint8_t byte : bytes) {
    text.push_back(kHex[byte >> 4]);
    text.push_back(kHex[byte & 15]);
  }
  return text;
}

std::optional<Bytes> hex_decode(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  Bytes bytes;
  bytes.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = hex_value(text[i]);
    const int low = hex_value(text[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes.push_back(static_cast<std::uint8_t>(high << 4 | low));
  }
  return bytes;
}

std::string base64_encode(ByteView bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  encode(bytes, kStandard, true, text);
  return text;
}

SecretBytes base64_encode_secret(ByteView bytes) { return encode_secret(bytes, kStandard, true); }

std::optional<Bytes> base64_decode(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  if (text.ends_with("==")) {
    text.remove_suffix(2);
  } else if (text.ends_with('=')) {
    text.remove_suffix(1);
  }
  return decode(text, kStandardReverse);
}

std::string base64url_encode(ByteView bytes) {
  std::string text;
  text.reserve((bytes.size() * 4 + 2) / 3);
  encode(bytes, kUrl, false, text);
  return text;
}

SecretBytes base64url_encode_secret(ByteView bytes) { return encode_secret(bytes, kUrl, false); }

std::optional<Bytes> base64url_decode(std::string_view text) { return decode(text, kUrlReverse); }

}  // namespace signet::crypto
