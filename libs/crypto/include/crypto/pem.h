// PEM (RFC 7468), strict: whole lines, base64 in canonical form, no headers. Text before, between
// and after blocks is allowed, as in files people concatenate.
#pragma once

#include "signet/status.h"

#include "crypto/secret_bytes.h"

namespace signet::crypto {

inline constexpr std::size_t kMaxPemBlocks = 10000;

struct PemBlock {
  std::string label;     // "CERTIFICATE"
  SecretBytes der;       // it may be a key
  std::size_t line = 0;  // of the BEGIN line, from 1
};

/// All blocks of `text`. Errors   kInvalidArgument, naming the line
Result<std::vector<PemBlock>> read_pem(std::string_view text);

/// 64 columns, a newline at the end.
std::string write_pem(std::string_view label, ByteView der);
SecretBytes write_secret_pem(std::string_view label, ByteView der);

}  // namespace signet::crypto
