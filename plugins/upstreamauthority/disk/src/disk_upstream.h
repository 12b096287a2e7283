// DiskUpstream: an upstream authority whose CA lies in files.
//
// The files are looked at before each signature and, while a server follows the roots, every five
// seconds. Files that changed and are not good are named in the log, and the last good ones stay
// in use: a certificate and a key are replaced one after the other.
#pragma once

#include <memory>
#include <mutex>
#include <optional>

#include "signet/spiffe_id.h"
#include "signet/upstream_authority.h"

#include "authority_files.h"
#include "config.h"

namespace signet::disk_upstream {

class DiskUpstream final : public Plugin, public UpstreamAuthority {
 public:
  using Plugin::Plugin;
  static const void* service(std::string_view id);

  Status validate(Call& call, std::string_view config) override;
  /// Errors   kInvalidArgument, kUnavailable: settings or files; see AuthorityFiles::load
  Status configure(Call& call, std::string_view config) override;
  Status start(Call& call) override;
  Status drain(Call& call) override;
  Status stop(Call& call) override;

  Result<MintedX509Ca> mint_x509(std::string_view csr, std::int64_t ttl_s) override;
  Status refresh() override;

 private:
  // Immutable once made: what the files held, and how they looked then.
  struct Loaded {
    Config config;
    TrustDomain trust_domain;
    AuthorityFiles files;
  };
  using LoadedPtr = std::shared_ptr<const Loaded>;

  /// The files as they are now, or the last good ones.
  Result<LoadedPtr> current();
  x509::Time now() const { return x509::from_unix(host().unix_seconds()); }

  std::mutex mutex_;  // guards the two below; files are read under it
  LoadedPtr loaded_;
  FileMarks marks_{};  // of the files when they were last read, good or not
  Timer timer_;
};

}  // namespace signet::disk_upstream
