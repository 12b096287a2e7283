// WebFiles: the certificate and key of an https_web endpoint as they lie in files.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "signet/status.h"

#include "crypto/secret_bytes.h"

namespace signet::https_federation {

// A change of any of these means that the files are to be read again.
struct FileMark {
  std::uint64_t device = 0, inode = 0;
  std::int64_t size = -1, modified_ns = 0;  // -1: the file is not there
  bool operator==(const FileMark&) const = default;
};
using FileMarks = std::array<FileMark, 2>;
FileMarks mark_files(const std::string& certificate_file, const std::string& key_file);

struct WebFiles {
  std::vector<std::string> chain;  // DER, leaf first
  crypto::SecretBytes key;         // PKCS#8 DER

  /// Errors   kInvalidArgument, kUnavailable (a file cannot be read), naming the file
  static Result<WebFiles> load(const std::string& certificate_file, const std::string& key_file);
};

}  // namespace signet::https_federation
