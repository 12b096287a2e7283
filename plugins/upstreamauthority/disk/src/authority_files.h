// AuthorityFiles: a CA as it lies in files, read and judged as a whole.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "config.h"
#include "crypto/key.h"
#include "keymanager/file_mark.h"
#include "x509/certificate.h"

namespace signet::disk_upstream {

// A change of any of these means that the files are to be read again.
using FileMarks = std::array<keymanager::FileMark, 3>;  // certificate, key, bundle
FileMarks mark_files(const Config& config);

struct AuthorityFiles {
  std::vector<x509::Certificate> chain;  // the CA that signs, then up to below its root
  crypto::PrivateKey key;
  std::vector<x509::Certificate> roots;
  std::vector<std::string> warnings;  // what is not forbidden, but should not be

  const x509::Certificate& ca() const { return chain.front(); }
  /// What goes into SVID chains below the new CA: `chain` without certificates that are roots.
  std::vector<x509::Certificate> intermediates() const;

  /// Reads the files. The key must be the certificate's and must not be writable for others; the
  /// certificate must be a CA that may sign CAs, valid now, and lead to one of the roots. Without
  /// a bundle it must be alone and self-signed.
  /// Errors   kInvalidArgument, kUnavailable (a file cannot be read), naming the file
  static Result<AuthorityFiles> load(const Config& config, x509::Time now);
};

}  // namespace signet::disk_upstream
