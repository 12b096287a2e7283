// Certificates in PEM. The block reader is crypto/pem.h.
#pragma once

#include "crypto/pem.h"
#include "x509/certificate.h"

namespace signet::x509 {

using crypto::PemBlock;
using crypto::read_pem;
using crypto::write_pem;

/// All certificates of `text`; a block of another kind is an error, none at all is too.
/// Errors   kInvalidArgument, naming block and line
Result<std::vector<Certificate>> read_pem_certificates(std::string_view text);

std::string write_pem(const Certificate& certificate);
std::string write_pem(const std::vector<Certificate>& certificates);

}  // namespace signet::x509
