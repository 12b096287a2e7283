// The plugin instance: starts and stops what the transport shares.
#pragma once

#include "signet/plugin.h"

namespace signet::rpc_grpc {

class RpcGrpcPlugin final : public Plugin {
 public:
  using Plugin::Plugin;
  static const void* service(std::string_view id);

  Status configure(Call&, std::string_view) override { return {}; }
  Status start(Call&) override;
  Status stop(Call&) override;
};

}  // namespace signet::rpc_grpc
