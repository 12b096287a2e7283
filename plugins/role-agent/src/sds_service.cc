#include "sds_service.h"

#include "sds_delta.h"
#include "sds_stream.h"

namespace signet::agent {

Hold* SdsService::hold_of(const ServerCall& call) const {
  const bool held = hold_.enabled() && call.peer().pid != options_.own_pid;
  return held ? &hold_ : nullptr;
}

void SdsService::begin(const std::shared_ptr<ServerCall>& call, std::shared_ptr<SdsStream> stream,
                       std::string_view first, bool more) {
  streams_.add(call);
  stream->begin(first, more);
  if (call->over()) return;  // it cannot be served
  attest_(call,
          [stream = std::move(stream)](const SelectorSet& selectors) { stream->open(selectors); });
}

Status SdsService::register_methods(RpcListener& listener) {
  const std::string prefix = std::string("/") + kName + "/";
  constexpr std::uint32_t kBoth =
      SIGNET_RPC_CLIENT_STREAM | SIGNET_RPC_SERVER_STREAM | SIGNET_RPC_INLINE | SIGNET_RPC_LATEST;
  const auto state = [this](const std::shared_ptr<ServerCall>& call, std::string_view first,
                            bool once) {
    begin(call,
          std::make_shared<SdsStateStream>(once, host_, call, options_.sds, table_, hold_of(*call)),
          first, !once);
  };
  SIGNET_RETURN_IF_ERROR(listener.handle(
      prefix + "StreamSecrets",
      [state](const std::shared_ptr<ServerCall>& call, std::string_view first) {
        state(call, first, false);
      },
      kBoth));
  SIGNET_RETURN_IF_ERROR(listener.handle(
      prefix + "FetchSecrets",
      [state](const std::shared_ptr<ServerCall>& call, std::string_view first) {
        state(call, first, true);
      },
      SIGNET_RPC_INLINE));
  return listener.handle(
      prefix + "DeltaSecrets",
      [this](const std::shared_ptr<ServerCall>& call, std::string_view first) {
        begin(call,
              std::make_shared<SdsDeltaStream>(host_, call, options_.sds, table_, hold_of(*call)),
              first, true);
      },
      kBoth);
}

}  // namespace signet::agent
