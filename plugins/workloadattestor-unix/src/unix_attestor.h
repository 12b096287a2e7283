// UnixAttestor: what a local process is, in terms of users, groups and its program.
//
//   uid:<n> gid:<n>                     effective ids, always
//   user:<name> group:<name>            where the number has a name
//   supplementary_gid:<n>               each of the process's further groups
//   supplementary_group:<name>          where the number has a name
//   path:<program>  sha256:<hex>        with discover_workload_path
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "signet/attestor.h"
#include "signet/plugin.h"

#include "config.h"
#include "name_cache.h"
#include "process/process.h"

namespace signet::unix_attestor {

class UnixAttestor final : public Plugin, public WorkloadAttestor {
 public:
  UnixAttestor(Host host, std::string name);
  static const void* service(std::string_view id);

  Status validate(Call& call, std::string_view config) override;
  /// The environment's HOST_PROC, where set, is read in place of /proc.
  Status configure(Call& call, std::string_view config) override;
  /// Errors   kInternal: the process has ended or cannot be read, or its program is larger than
  ///          workload_size_limit. kDeadlineExceeded: hashing, or names of groups, took too long
  Result<std::vector<std::string>> attest(const signet_workload_peer& peer,
                                          std::int64_t deadline_ns) override;

 private:
  struct Settings {
    Config config;
    std::string proc_root = "/proc";
  };
  std::shared_ptr<const Settings> settings();
  Result<std::string> digest_of(const process::Process& process, const Fd& held,
                                std::int64_t size_limit, std::int64_t deadline_ns) const;

  std::mutex mutex_;  // guards settings_
  std::shared_ptr<const Settings> settings_ = std::make_shared<const Settings>();
  NameCache users_{look_up_user};
  NameCache groups_{look_up_group};
};

}  // namespace signet::unix_attestor
