// Bundle publishers in C++: the interface a plugin implements, and the client a role uses.
//
//   class FilePublisher final : public signet::Plugin, public signet::BundlePublisher { ... };
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "signet/abi/bundle_publisher.h"
#include "signet/plugin.h"
#include "signet/service.h"

namespace signet {

struct PublishedJwtKey {
  std::string key_id;
  std::string public_key;       // SubjectPublicKeyInfo, DER
  std::int64_t expires_at = 0;  // Unix seconds; 0: not known
  bool operator==(const PublishedJwtKey&) const = default;
};
struct PublishedBundle {
  std::string trust_domain;
  std::uint64_t sequence_number = 0;
  std::int64_t refresh_hint = 0;   // seconds; 0: none
  std::vector<std::string> roots;  // DER
  std::vector<PublishedJwtKey> jwt_keys;
  bool operator==(const PublishedBundle&) const = default;
};

// What a bundle publisher plugin implements, besides Plugin. One call at a time; may block.
class BundlePublisher {
 public:
  virtual ~BundlePublisher() = default;
  virtual Status publish(const PublishedBundle& bundle) = 0;
};

/// The C table of T, a class that derives from Plugin and BundlePublisher.
template <typename T>
const signet_bundle_publisher* bundle_publisher_table() {
  static const signet_bundle_publisher kTable = {
      sizeof(signet_bundle_publisher), 0,
      [](signet_instance* i, signet_call* c, const signet_published_bundle* given) {
        return guarded(c, [&]() -> Status {
          PublishedBundle bundle{std::string(view(given->trust_domain)),
                                 given->sequence_number,
                                 given->refresh_hint,
                                 {},
                                 {}};
          for (size_t n = 0; n < given->root_count; ++n) {
            bundle.roots.emplace_back(view(given->roots[n]));
          }
          for (size_t n = 0; n < given->jwt_key_count; ++n) {
            const auto& key = *reinterpret_cast<const signet_published_jwt_key*>(
                reinterpret_cast<const char*>(given->jwt_keys) + n * given->jwt_key_size);
            bundle.jwt_keys.push_back(
                {std::string(view(key.key_id)), std::string(view(key.public_key)), key.expires_at});
          }
          return plugin_cast<T>(i).publish(bundle);
        });
      }};
  return &kTable;
}

// One bundle publisher of the caller's scope. From a worker only.
class BundlePublisherClient {
 public:
  static std::vector<std::string> names(const Host& host) {
    return ServiceHandle<signet_bundle_publisher>::names(host, SIGNET_BUNDLE_PUBLISHER);
  }
  static Result<BundlePublisherClient> acquire(const Host& host, std::string_view name = {}) {
    SIGNET_TRY(auto handle, ServiceHandle<signet_bundle_publisher>::acquire(
                                host, SIGNET_BUNDLE_PUBLISHER, name));
    return BundlePublisherClient(std::move(handle));
  }

  Status publish(const Host& host, const PublishedBundle& bundle) const {
    std::vector<signet_bytes> roots;
    roots.reserve(bundle.roots.size());
    for (const std::string& root : bundle.roots) roots.push_back(bytes_to_abi(root));
    std::vector<signet_published_jwt_key> keys;
    keys.reserve(bundle.jwt_keys.size());
    for (const PublishedJwtKey& key : bundle.jwt_keys) {
      keys.push_back({sizeof(signet_published_jwt_key), 0, to_abi(key.key_id),
                      bytes_to_abi(key.public_key), key.expires_at});
    }
    const signet_published_bundle given = {sizeof(signet_published_bundle),
                                           sizeof(signet_published_jwt_key),
                                           to_abi(bundle.trust_domain),
                                           bundle.sequence_number,
                                           bundle.refresh_hint,
                                           roots.data(),
                                           roots.size(),
                                           keys.data(),
                                           keys.size()};
    return handle_.call(
        host.deadline_in(kTimeout), [](auto...) {},
        [&](const signet_bundle_publisher& api, signet_instance* i, signet_call* c) {
          return api.publish(i, c, &given);
        });
  }

 private:
  explicit BundlePublisherClient(ServiceHandle<signet_bundle_publisher> handle)
      : handle_(std::move(handle)) {}
  static constexpr std::chrono::seconds kTimeout{30};
  ServiceHandle<signet_bundle_publisher> handle_;
};

}  // namespace signet
