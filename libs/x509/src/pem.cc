#include "x509/pem.h"

namespace signet::x509 {

Result<std::vector<Certificate>> read_pem_certificates(std::string_view text) {
  SIGNET_TRY(const std::vector<PemBlock> blocks, read_pem(text));
  if (blocks.empty()) return Status::invalid_argument("no PEM blocks");
  std::vector<Certificate> certificates;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const std::string where =
        "PEM block " + std::to_string(i) + " (line " + std::to_string(blocks[i].line) + ")";
    if (blocks[i].label != "CERTIFICATE") {
      return Status::invalid_argument(where + " is \"" + blocks[i].label +
                                      "\", expected \"CERTIFICATE\"");
    }
    auto certificate = Certificate::parse(blocks[i].der.view());
    if (!certificate) return certificate.status().prefixed(where);
    certificates.push_back(*std::move(certificate));
  }
  return certificates;
}

std::string write_pem(const Certificate& certificate) {
  return write_pem("CERTIFICATE", certificate.der());
}

std::string write_pem(const std::vector<Certificate>& certificates) {
  std::string text;
  for (const Certificate& certificate : certificates) text += write_pem(certificate);
  return text;
}

}  // namespace signet::x509
