// signet.delivery.v1.Delivery: how our own agents hear of changes.
#include "agent_feeds.h"
#include "method_registry.h"
#include "service_context.h"

namespace signet::server {

void register_delivery_service(MethodRegistry& methods, ServiceContext& context) {
  methods.stream("/signet.delivery.v1.Delivery/Follow",
                 SIGNET_RPC_CLIENT_STREAM | SIGNET_RPC_SERVER_STREAM,
                 [&context](const std::shared_ptr<CallContext>& call, std::string_view first) {
                   context.feeds->follow(call, first);
                 });
}

}  // namespace signet::server
