// RpcTransport: a Transport for plugins, over the host's rpc service.
#pragma once

#include "signet/rpc/client.h"

#include "workload_client/transport.h"

namespace signet::workload_client {

/// An endpoint URI as endpoint_target() takes it, or a socket's absolute path, as the rpc service
/// wants it: "unix:/path", "tcp:1.2.3.4:80". Errors   kInvalidArgument
Result<std::string> rpc_uri(std::string_view endpoint);

class RpcTransport final : public Transport {
 public:
  /// uri   "unix:/path"
  RpcTransport(Host host, std::string uri) : host_(std::move(host)), uri_(std::move(uri)) {}

  /// A stream that the agent cancels ends kUnavailable: the source is to try again.
  std::unique_ptr<Stream> stream(const std::string& method, std::string request,
                                 OnMessage on_message, OnEnd on_end) override;
  Result<std::string> call(const std::string& method, std::string request,
                           std::chrono::milliseconds timeout) override;

 private:
  const Host host_;
  const std::string uri_;
};

}  // namespace signet::workload_client
