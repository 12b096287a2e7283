// FederationPublishers: tells every BundlePublisher plugin of our bundle when it changed, and those
// that failed again every half minute.
#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "signet/bundle_publisher.h"

#include "trust_bundles.h"

namespace signet::server {

class FederationPublishers {
 public:
  static constexpr std::chrono::seconds kRetry{30};

  FederationPublishers(const Host& host, const TrustBundles& bundles)
      : host_(host), bundles_(bundles) {}

  /// Publishes for the first time. A publisher that fails does not stop the server. Blocks.
  Status start();
  void stop();
  /// The bundle may have changed. Blocks; one at a time.
  void update();

 private:
  struct Publisher {
    std::string name;
    BundlePublisherClient client;
    PublishedBundle published;  // trust_domain empty: nothing yet
  };
  const Host host_;
  const TrustBundles& bundles_;
  std::mutex mutex_;
  std::vector<Publisher> publishers_;
  Timer retry_;
};

}  // namespace signet::server
