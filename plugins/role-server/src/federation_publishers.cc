#include "federation_publishers.h"

namespace signet::server {
namespace {

PublishedBundle published_form(const spire::api::types::Bundle& message) {
  PublishedBundle out{
      message.trust_domain(), message.sequence_number(), message.refresh_hint(), {}, {}};
  for (const auto& authority : message.x509_authorities()) out.roots.push_back(authority.asn1());
  for (const auto& key : message.jwt_authorities()) {
    out.jwt_keys.push_back({key.key_id(), key.public_key(), key.expires_at()});
  }
  return out;
}

}  // namespace

Status FederationPublishers::start() {
  {
    const std::lock_guard lock(mutex_);
    for (std::string& name : BundlePublisherClient::names(host_)) {
      SIGNET_TRY(auto client, BundlePublisherClient::acquire(host_, name));
      publishers_.push_back({std::move(name), std::move(client), {}});
    }
    if (publishers_.empty()) return {};
  }
  update();
  return retry_.start_every(host_, kRetry, [this] { update(); });
}

void FederationPublishers::stop() {
  retry_.stop();
  const std::lock_guard lock(mutex_);
  publishers_.clear();
}

void FederationPublishers::update() {
  const std::lock_guard lock(mutex_);
  const BundlePtr own = bundles_.own();
  if (publishers_.empty() || !own) return;
  const PublishedBundle bundle = published_form(own->message);
  for (Publisher& publisher : publishers_) {
    if (publisher.published == bundle) continue;
    if (const Status status = publisher.client.publish(host_, bundle); !status.ok()) {
      host_.error("Failed to publish bundle",
                  {{"plugin_name", publisher.name}, {"error", status.message()}});
      continue;
    }
    publisher.published = bundle;
    host_.debug("Bundle published", {{"plugin_name", publisher.name}});
  }
}

}  // namespace signet::server
