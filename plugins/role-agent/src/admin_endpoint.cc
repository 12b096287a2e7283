#include "admin_endpoint.h"

#include <algorithm>

namespace signet::agent {
namespace {

// What is asked here is small: selectors, an audience, a level.
constexpr std::string_view kOptions =
    R"({"socket_mode":"0770","folder_mode":"0750","max_message":262144})";

}  // namespace

Status AdminEndpoint::start() {
  if (options_.socket_path.empty()) return {};
  SIGNET_TRY(listener_,
             RpcListener::create(host_, "unix:" + options_.socket_path, kOptions, nullptr));
  listener_->authorize([this](const ServerCall& call) { return check_caller(call); });
  for (AdminService* service : services_) {
    SIGNET_RETURN_IF_ERROR(service->register_methods(*listener_));
  }
  SIGNET_RETURN_IF_ERROR(listener_->serve());
  host_.info("Starting Admin APIs", {{"address", options_.socket_path}, {"network", "unix"}});
  return {};
}

void AdminEndpoint::stop(std::chrono::nanoseconds drain) {
  if (!listener_) return;
  for (AdminService* service : services_) service->end_streams();
  (void)listener_->close(drain);
  listener_.reset();
}

Status AdminEndpoint::check_caller(const ServerCall& call) const {
  const RpcPeer& peer = call.peer();
  if (options_.uids.empty() ||
      std::find(options_.uids.begin(), options_.uids.end(), peer.uid) != options_.uids.end()) {
    return {};
  }
  host_.warn("Caller may not use the admin socket",
             {{"method", call.method()}, {"caller_uid", peer.uid}, {"pid", peer.pid}});
  return Status::permission_denied("caller may not use the admin socket");
}

}  // namespace signet::agent
