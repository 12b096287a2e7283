// IdentityFile: an identity as a PEM file that exists in memory only, replaced as a whole.
//
// The file holds the key and then the chain, so one opening of path() sees both of one identity.
// Each version has another modification time (whole seconds that count versions): gRPC compares it
// before and after it reads key and chain, and starts over when it differs.
#pragma once

#include <memory>
#include <string>

#include "signet/fd.h"

#include "workload_client/x509_context.h"

namespace signet::workload_client {

class IdentityFile {
 public:
  /// Errors   kInternal
  static Result<std::unique_ptr<IdentityFile>> create(const X509Svid& svid);
  /// Whoever opens the path has the old file or the new one. One call at a time. Errors   kInternal
  Status replace(const X509Svid& svid);
  const std::string& path() const { return path_; }  // "/proc/self/fd/7"

 private:
  explicit IdentityFile(Fd fd);
  const Fd fd_;
  const std::string path_;
  int version_ = 1;
};

}  // namespace signet::workload_client
