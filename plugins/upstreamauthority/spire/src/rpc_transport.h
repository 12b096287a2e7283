// RpcTransport: the Workload API client's calls over the host's rpc service.
#pragma once

#include "signet/rpc/client.h"

#include "workload_client/transport.h"

namespace signet::spire_upstream {

class RpcTransport final : public workload_client::Transport {
 public:
  /// uri   "unix:/path"
  RpcTransport(Host host, std::string uri) : host_(std::move(host)), uri_(std::move(uri)) {}

  /// A stream that the agent cancels ends kUnavailable: the source is to try again.
  std::unique_ptr<workload_client::Stream> stream(const std::string& method, std::string request,
                                                  OnMessage on_message, OnEnd on_end) override;
  Result<std::string> call(const std::string& method, std::string request,
                           std::chrono::milliseconds timeout) override;

 private:
  const Host host_;
  const std::string uri_;
};

}  // namespace signet::spire_upstream
