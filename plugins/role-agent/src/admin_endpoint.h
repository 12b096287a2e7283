// AdminEndpoint: the agent's admin socket and the services on it.
//
// For the node's administrators and for delegates, never for workloads: mode 0770 in folders of
// 0750. Plaintext on a Unix socket: the kernel says who calls. Without a path there is no socket.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "signet/rpc/listener.h"

namespace signet::agent {

struct AdminOptions {
  std::string socket_path;          // "": no socket
  std::vector<std::uint32_t> uids;  // who may call; empty: whoever can open the socket
};

// What is offered on the socket.
class AdminService {
 public:
  virtual ~AdminService() = default;
  virtual Status register_methods(RpcListener& listener) = 0;
  /// Ends open streams, so that a drain need not wait for them. Calls that come later end soon.
  virtual void end_streams() {}
};

class AdminEndpoint {
 public:
  AdminEndpoint(Host host, AdminOptions options)
      : host_(std::move(host)), options_(std::move(options)) {}
  ~AdminEndpoint() { stop(std::chrono::seconds(0)); }

  /// Before start(); the service outlives this.
  void offer(AdminService& service) { services_.push_back(&service); }

  /// Opens the socket and serves. Blocks shortly: from a worker only.
  Status start();
  /// Lets calls end for that long, then cancels them; when it returns nothing runs any more.
  void stop(std::chrono::nanoseconds drain);

 private:
  Status check_caller(const ServerCall& call) const;

  const Host host_;
  const AdminOptions options_;
  std::vector<AdminService*> services_;
  std::unique_ptr<RpcListener> listener_;
};

}  // namespace signet::agent
