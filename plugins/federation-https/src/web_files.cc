#include "web_files.h"

#include "crypto/key.h"
#include "keymanager/private_file.h"
#include "x509/pem.h"

namespace signet::https_federation {
namespace {

constexpr std::size_t kMaxFileBytes = 1024 * 1024;

Status about(const Status& status, const std::string& path) {
  return status.prefixed("\"" + path + "\"");
}

}  // namespace

FileMarks mark_files(const std::string& certificate_file, const std::string& key_file) {
  return {keymanager::FileMark::of(certificate_file), keymanager::FileMark::of(key_file)};
}

Result<WebFiles> WebFiles::load(const std::string& certificate_file, const std::string& key_file) {
  auto certificate_text = keymanager::read_private_file(certificate_file, kMaxFileBytes);
  if (!certificate_text) return about(certificate_text.status(), certificate_file);
  auto certificates = x509::read_pem_certificates(certificate_text->text());
  if (!certificates) return about(certificates.status(), certificate_file);
  auto key_text = keymanager::read_private_file(key_file, kMaxFileBytes);
  if (!key_text) return about(key_text.status(), key_file);
  auto key = crypto::PrivateKey::from_pem(key_text->text());
  if (!key) return about(key.status(), key_file);
  if (!crypto::equal(certificates->front().spki(), key->public_key().spki())) {
    return about(Status::invalid_argument("does not belong to the certificate of \"" +
                                          certificate_file + "\""),
                 key_file);
  }
  WebFiles files;
  for (const x509::Certificate& certificate : *certificates) {
    files.chain.push_back(crypto::to_string(certificate.der()));
  }
  files.key = key->to_pkcs8_der();
  return files;
}

}  // namespace signet::https_federation
