// PEM (RFC 7468), strict: whole lines, known labels, canonical base64, no headers. Text before,
// between and after blocks is allowed, as in files people concatenate.
#pragma once

#include "crypto/secret_bytes.h"
#include "x509/certificate.h"

namespace signet::x509 {

struct PemBlock {
  std::string label;  // "CERTIFICATE"
  crypto::SecretBytes der;
};

/// All blocks of `text`. Errors   kInvalidArgument, naming the line
Result<std::vector<PemBlock>> read_pem(std::string_view text);
/// All certificates of `text`; a block of another kind is an error, none at all is too.
/// Errors   kInvalidArgument, naming block and line
Result<std::vector<Certificate>> read_pem_certificates(std::string_view text);

/// 64 columns, a newline at the end.
std::string write_pem(std::string_view label, ByteView der);
std::string write_pem(const Certificate& certificate);
std::string write_pem(const std::vector<Certificate>& certificates);

}  // namespace signet::x509
