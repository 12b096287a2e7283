// FederationPublishers: tells every BundlePublisher plugin of our bundle when it changed, and those
// that failed again every half minute. None waits for another, and nobody for them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "signet/bundle_publisher.h"

#include "hand_over.h"
#include "trust_bundles.h"

namespace signet::server {

class FederationPublishers {
 public:
  static constexpr std::chrono::seconds kRetry{30};

  FederationPublishers(const Host& host, const TrustBundles& bundles)
      : host_(host), bundles_(bundles) {}
  ~FederationPublishers() { stop(); }

  /// Begins to publish. A publisher that fails does not stop the server.
  Status start();
  /// Waits for those that are at it. Blocks.
  void stop();
  /// From any thread, also before start().
  void own_changed();

 private:
  struct Publisher {
    Publisher(FederationPublishers& owner, std::string its_name, BundlePublisherClient its_client)
        : name(std::move(its_name)),
          client(std::move(its_client)),
          work(owner.host_, [this, &owner] { owner.publish(*this); }) {}

    const std::string name;
    const BundlePublisherClient client;
    PublishedBundle published;  // trust_domain empty: nothing yet
    HandOver work;
  };
  void publish(Publisher& publisher) const;

  const Host host_;
  const TrustBundles& bundles_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Publisher>> publishers_;
  Timer retry_;
};

}  // namespace signet::server
