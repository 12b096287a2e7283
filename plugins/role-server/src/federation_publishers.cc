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
  std::vector<std::unique_ptr<Publisher>> found;
  for (std::string& name : BundlePublisherClient::names(host_)) {
    SIGNET_TRY(auto client, BundlePublisherClient::acquire(host_, name));
    found.push_back(std::make_unique<Publisher>(*this, std::move(name), std::move(client)));
  }
  if (found.empty()) return {};
  {
    // Known before they begin: a change from then on reaches them.
    const std::lock_guard lock(mutex_);
    publishers_ = std::move(found);
    for (const auto& publisher : publishers_) publisher->work.start();
  }
  return retry_.start_every(host_, kRetry, [this] { own_changed(); });
}

void FederationPublishers::stop() {
  retry_.stop();
  std::vector<std::unique_ptr<Publisher>> gone;
  {
    const std::lock_guard lock(mutex_);
    gone.swap(publishers_);
  }
}

void FederationPublishers::own_changed() {
  const std::lock_guard lock(mutex_);
  for (const auto& publisher : publishers_) publisher->work.tell();
}

void FederationPublishers::publish(Publisher& publisher) const {
  const BundlePtr own = bundles_.own();
  if (!own) return;
  PublishedBundle bundle = published_form(own->message);
  if (publisher.published == bundle) return;
  if (const Status status = publisher.client.publish(host_, bundle); !status.ok()) {
    host_.error("Failed to publish bundle",
                {{"plugin_name", publisher.name}, {"error", status.message()}});
    return;
  }
  publisher.published = std::move(bundle);
  host_.debug("Bundle published", {{"plugin_name", publisher.name}});
}

}  // namespace signet::server
