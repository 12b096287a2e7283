// What travels between the two sides, as SPIRE's x509pop has it: JSON, bytes in standard base64.
//
//   payload    {"certificates": [DER, ...]}, the leaf first
//   challenge  {"rsa_signature": {"nonce"}, "ecdsa_signature": null}, or the other way round
//   response   the same with "nonce" and "signature", or "nonce", "r" and "s"
#pragma once

#include <string_view>
#include <vector>

#include "signet/status.h"

#include "crypto/bytes.h"

namespace signet::x509pop {

using crypto::Bytes;
using crypto::ByteView;

inline constexpr std::size_t kMaxMessageBytes = 256 * 1024;
inline constexpr std::size_t kNonceBytes = 32;

struct Payload {
  std::vector<Bytes> certificates;  // DER, leaf first; at least one
};
struct Challenge {
  bool rsa = false;
  Bytes nonce;
};
struct Response {
  bool rsa = false;
  Bytes nonce;
  Bytes signature;  // RSA
  Bytes r, s;       // ECDSA: big-endian without leading zeros
};

std::string write(const Payload& payload);
std::string write(const Challenge& challenge);
std::string write(const Response& response);

/// Each refuses what is too large, too deep, or not of its shape. Members that are not known are
/// skipped. Errors   kInvalidArgument
Result<Payload> read_payload(std::string_view json);
Result<Challenge> read_challenge(std::string_view json);
Result<Response> read_response(std::string_view json);

}  // namespace signet::x509pop
