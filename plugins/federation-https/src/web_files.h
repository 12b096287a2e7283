// WebFiles: the certificate and key of an https_web endpoint as they lie in files.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "signet/status.h"

#include "crypto/secret_bytes.h"
#include "keymanager/file_mark.h"

namespace signet::https_federation {

// A change of any of these means that the files are to be read again.
using FileMarks = std::array<keymanager::FileMark, 2>;
FileMarks mark_files(const std::string& certificate_file, const std::string& key_file);

struct WebFiles {
  std::vector<std::string> chain;  // DER, leaf first
  crypto::SecretBytes key;         // PKCS#8 DER

  /// Errors   kInvalidArgument, kUnavailable (a file cannot be read), naming the file
  static Result<WebFiles> load(const std::string& certificate_file, const std::string& key_file);
};

}  // namespace signet::https_federation
