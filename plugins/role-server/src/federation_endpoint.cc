#include "federation_endpoint.h"

#include "x509/bundle_json.h"

namespace signet::server {

Status FederationEndpoint::start() {
  const auto& options = config_.federation.endpoint;
  if (!options) return {};
  const std::lock_guard lock(mutex_);
  SIGNET_TRY(client_, BundleEndpointClient::acquire(host_));
  SIGNET_RETURN_IF_ERROR(hand_over());
  const auto port = client_->serve(serving_, *options, [this](const Status& status) {
    if (status.code() != Code::kCancelled) {
      host_.log_status(LogLevel::kWarn, "Bundle endpoint ended", status);
    }
  });
  if (!port) return port.status().prefixed("bundle endpoint");
  host_.info("Serving bundle endpoint",
             {{"addr", options->address + ":" + std::to_string(*port)},
              {"refresh_hint", std::chrono::nanoseconds(config_.federation.refresh_hint)},
              {"bundle_endpoint_profile", options->web() ? "https_web" : "https_spiffe"}});
  return {};
}

void FederationEndpoint::stop() {
  serving_.stop();
  const std::lock_guard lock(mutex_);
  client_.reset();
}

void FederationEndpoint::update() {
  const std::lock_guard lock(mutex_);
  if (!client_) return;
  if (const Status status = hand_over(); !status.ok()) {
    host_.log_status(LogLevel::kError, "Bundle endpoint is not up to date", status);
  }
}

Status FederationEndpoint::hand_over() {
  const auto identity = identity_.current();
  if (!config_.federation.endpoint->web() && identity != shown_) {
    SIGNET_RETURN_IF_ERROR(client_->set_identity(host_, identity->chain, identity->key));
    shown_ = identity;
  }
  const BundlePtr own = bundles_.own();
  if (!own) return {};
  x509::Bundle bundle = own->bundle;
  bundle.refresh_hint = config_.federation.refresh_hint.count();
  // WIT authorities stay with us, as with the peer, whose readers refuse a document with them.
  SIGNET_TRY(std::string document, x509::write_bundle_json(bundle, {.wit = false}));
  if (document == document_) return {};
  SIGNET_RETURN_IF_ERROR(client_->set_document(host_, document));
  document_ = std::move(document);
  return {};
}

}  // namespace signet::server
