#include "h2_request.h"

#include <algorithm>
#include <array>

#include <nghttp2/nghttp2.h>
#include <openssl/evp.h>

#include "signet/host.h"

namespace signet::rpc_grpc {
namespace {

bool grpc_content_type(std::string_view type) {
  constexpr std::string_view kGrpc = "application/grpc";
  if (!type.starts_with(kGrpc)) return false;
  type.remove_prefix(kGrpc.size());
  return type.empty() || type.starts_with('+') || type.starts_with(';');
}

// With or without padding. False: not base64.
bool base64_decoded(std::string_view text, std::string* out) {
  while (!text.empty() && text.back() == '=') text.remove_suffix(1);
  if (text.size() % 4 == 1) return false;
  std::string padded(text);
  padded.append((4 - text.size() % 4) % 4, '=');
  out->resize(padded.size() / 4 * 3);
  const int n = EVP_DecodeBlock(reinterpret_cast<uint8_t*>(out->data()),
                                reinterpret_cast<const uint8_t*>(padded.data()),
                                static_cast<int>(padded.size()));
  if (n < 0) return false;
  out->resize(static_cast<std::size_t>(n) - (padded.size() - text.size()));
  return true;
}

// RFC 9113 8.3.1. All but the last must be there.
constexpr std::array<std::string_view, 4> kPseudo = {":method", ":scheme", ":path", ":authority"};
constexpr unsigned kNeeded = 0b0111;
// RFC 9113 8.2.2
constexpr std::array<std::string_view, 5> kOfConnections = {
    "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"};

const uint8_t* bytes(std::string_view text) {
  return reinterpret_cast<const uint8_t*>(text.data());
}

}  // namespace

bool parse_grpc_timeout(std::string_view text, int64_t* ns) {
  if (text.size() < 2 || text.size() > 9) return false;
  int64_t count = 0;
  for (const char c : text.substr(0, text.size() - 1)) {
    if (c < '0' || c > '9') return false;
    count = count * 10 + (c - '0');
  }
  int64_t unit = 0;
  switch (text.back()) {
    case 'H':
      unit = INT64_C(3600'000'000'000);
      break;
    case 'M':
      unit = INT64_C(60'000'000'000);
      break;
    case 'S':
      unit = INT64_C(1'000'000'000);
      break;
    case 'm':
      unit = 1'000'000;
      break;
    case 'u':
      unit = 1000;
      break;
    case 'n':
      unit = 1;
      break;
    default:
      return false;
  }
  // Longer than some 30 years is no limit, and would not fit.
  *ns = count > INT64_C(1'000'000'000'000'000'000) / unit ? INT64_MAX : count * unit;
  return true;
}

// RFC 9113 8.2.1, 8.3: fields with a colon come first, each once; names and values hold no
// controls.
bool H2Request::well_formed(std::string_view name, std::string_view value) {
  if (nghttp2_check_header_value(bytes(value), value.size()) == 0) return false;
  if (!name.starts_with(':')) {
    regular_ = true;
    return nghttp2_check_header_name(bytes(name), name.size()) != 0 &&
           std::ranges::find(kOfConnections, name) == kOfConnections.end() &&
           (name != "te" || value == "trailers");
  }
  const auto* known = std::ranges::find(kPseudo, name);
  const unsigned bit = 1U << (known - kPseudo.begin());
  if (regular_ || known == kPseudo.end() || (pseudo_ & bit) != 0) return false;
  pseudo_ |= bit;
  return name != ":path" || value.starts_with('/');
}

bool H2Request::malformed() const { return malformed_ || (pseudo_ & kNeeded) != kNeeded; }

void H2Request::add(std::string_view name, std::string_view value) {
  if (malformed_ || !well_formed(name, value)) {
    malformed_ = true;
    return;
  }
  size_ += name.size() + value.size() + 32;
  if (size_ > kMaxHeaders) return;  // check() refuses it
  if (name == ":method") {
    post_ = value == "POST";
    if (!post_) method_ = value;
  } else if (name == ":path") {
    path_ = value;
  } else if (name == "content-type") {
    content_type_ = value;
  } else if (name == "grpc-timeout") {
    bad_timeout_ = !parse_grpc_timeout(value, &timeout_ns_);
  } else if (name == "grpc-encoding") {
    compressed_ = value != "identity";
  } else if (name.starts_with(':') || name == "te" || name == "grpc-accept-encoding") {
    return;
  } else {
    std::string decoded;
    if (name.ends_with("-bin") && base64_decoded(value, &decoded)) value = decoded;
    // Values of other names hold no NUL: well_formed() has seen to it.
    metadata_.append(name).push_back('\0');
    const auto size = static_cast<uint32_t>(value.size());
    metadata_.append(reinterpret_cast<const char*>(&size), sizeof size);
    metadata_.append(value);
  }
}

H2Request::Refusal H2Request::check() const {
  if (size_ > kMaxHeaders) {
    return {200, SIGNET_RESOURCE_EXHAUSTED, "received initial metadata size exceeds limit"};
  }
  if (!post_) {
    return {405, SIGNET_INTERNAL,
            "Received a HEADERS frame with :method \"" + method_ + "\" which should be POST"};
  }
  if (!grpc_content_type(content_type_)) {
    return {415, SIGNET_INVALID_ARGUMENT,
            "invalid gRPC request content-type \"" + content_type_ + "\""};
  }
  if (bad_timeout_) return {200, SIGNET_INTERNAL, "malformed grpc-timeout"};
  return {};
}

std::size_t find_metadata(const std::string& packed, std::string_view key, signet_str* values,
                          std::size_t max) {
  std::size_t n = 0;
  for (std::size_t at = 0; at < packed.size();) {
    const std::string_view name(packed.data() + at);
    at += name.size() + 1;
    uint32_t size = 0;
    packed.copy(reinterpret_cast<char*>(&size), sizeof size, at);
    at += sizeof size;
    if (name == key) {
      if (n < max) values[n] = to_abi(std::string_view(packed.data() + at, size));
      ++n;
    }
    at += size;
  }
  return n;
}

std::string percent_encoded(std::string_view text) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<uint8_t>(c);
    if (byte >= 0x20 && byte <= 0x7e && c != '%') {
      out.push_back(c);
    } else {
      out.push_back('%');
      out.push_back(kHex[byte >> 4]);
      out.push_back(kHex[byte & 15]);
    }
  }
  return out;
}

std::string base64_unpadded(std::string_view bytes) {
  std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int n = EVP_EncodeBlock(reinterpret_cast<uint8_t*>(out.data()),
                                reinterpret_cast<const uint8_t*>(bytes.data()),
                                static_cast<int>(bytes.size()));
  out.resize(static_cast<std::size_t>(n));
  while (out.ends_with('=')) out.pop_back();
  return out;
}

}  // namespace signet::rpc_grpc
