// DockerAttestor: which container a local process is in, as Docker or Podman tells it.
//
//   label:<key>:<value>                   the container's labels
//   env:<NAME=value>                      its environment
//   image_id:<name>                       the name of its image
//   image_config_digest:sha256:<hex>      the image that it was made from
//
// A process that is in no container has no selectors. What the process's cgroups and mounts name
// is only a claim, so it must be in the same place as the container's first process.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "signet/attestor.h"
#include "signet/plugin.h"

#include "answers.h"
#include "config.h"
#include "engine.h"
#include "process/process.h"

namespace signet::docker {

class DockerAttestor final : public Plugin, public WorkloadAttestor {
 public:
  DockerAttestor(Host host, std::string name);
  static const void* service(std::string_view id);

  Status validate(Call& call, std::string_view config) override;
  Status configure(Call& call, std::string_view config) override;
  /// Errors   kInternal: the process has ended or cannot be read; an answer is not understood
  ///          kFailedPrecondition: several containers are named, or one that it is not in
  ///          kUnavailable, kDeadlineExceeded: the engine does not answer
  ///          kPermissionDenied: the socket of a user's Podman is not that user's
  Result<std::vector<std::string>> attest(const signet_workload_peer& peer,
                                          std::int64_t deadline_ns) override;

 private:
  // Where the process says it is.
  struct Place {
    std::string container_id;
    std::string cgroup;  // the text of its cgroup file
    bool by_mounts = false;
    bool podman = false;
    std::optional<std::uint32_t> podman_user;  // nothing: root's
  };
  std::shared_ptr<const Config> config();
  Result<Place> find_place(const Config& config, const process::Process& process) const;
  Status show_in_container(const Config& config, const process::Process& process,
                           const Place& place, const Container& container) const;
  Result<Container> inspect(const Config& config, const process::Process& process,
                            const Place& place, std::int64_t deadline_ns) const;
  Result<Container> inspect_once(const Config& config, const process::Process& process,
                                 const Place& place, std::int64_t deadline_ns) const;
  std::string image_digest(const Engine& engine, const std::string& image_id,
                           std::int64_t deadline_ns) const;
  std::chrono::milliseconds left(std::int64_t deadline_ns) const;

  std::mutex mutex_;  // guards config_
  std::shared_ptr<const Config> config_;
};

}  // namespace signet::docker
