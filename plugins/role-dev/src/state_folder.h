// StateFolder: the one folder that a `signet dev` leaves behind, and which only one may use.
#pragma once

#include <string>
#include <utility>

#include "signet/spiffe_id.h"
#include "signet/status.h"

namespace signet::dev {

class StateFolder {
 public:
  /// Makes the folder where it is missing and takes its lock, which also notes whose trust
  /// domain the state is of.
  /// Errors   kFailedPrecondition: another process uses it, it holds another trust domain, it
  ///          cannot be made or written, or a socket in it would have too long a path
  static Result<StateFolder> open(const std::string& path, const TrustDomain& trust_domain,
                                  const std::string& socket_path);

  StateFolder(StateFolder&& o) noexcept
      : root_(std::move(o.root_)),
        workload_socket_(std::move(o.workload_socket_)),
        lock_(std::exchange(o.lock_, -1)) {}
  StateFolder& operator=(StateFolder o) noexcept {
    std::swap(root_, o.root_);
    std::swap(workload_socket_, o.workload_socket_);
    std::swap(lock_, o.lock_);
    return *this;
  }
  ~StateFolder();

  const std::string& root() const { return root_; }  // absolute, no symbolic links
  std::string server_data() const { return root_ + "/server"; }
  std::string agent_data() const { return root_ + "/agent"; }
  std::string admin_socket() const { return server_data() + "/api.sock"; }
  const std::string& workload_socket() const { return workload_socket_; }
  std::string bundle_file() const { return agent_data() + "/bootstrap.pem"; }
  std::string server_log() const { return root_ + "/server.log"; }
  std::string agent_log() const { return root_ + "/agent.log"; }

  /// Whether the agent has kept an SVID of its own, and keys, from an earlier run.
  bool agent_has_svid() const;
  /// Forgets it, with the bundle it came with: both may be older than the server's authorities.
  Status forget_agent() const;

 private:
  StateFolder() = default;
  Status make(const std::string& path);
  Status take_lock(const TrustDomain& trust_domain);

  std::string root_;
  std::string workload_socket_;
  int lock_ = -1;
};

}  // namespace signet::dev
