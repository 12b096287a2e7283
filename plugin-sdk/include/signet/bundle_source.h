// Bundle sources in C++: the interface a plugin implements, and the client a role uses.
//
//   class HttpsFederation final : public signet::Plugin, public signet::BundleSource { ... };
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "signet/abi/bundle_source.h"
#include "signet/plugin.h"
#include "signet/service.h"

namespace signet {

struct BundleFetch {
  std::string trust_domain;
  std::string url;
  std::string endpoint_id;         // "": https_web
  std::vector<std::string> roots;  // DER; https_spiffe
  bool allow_private = false;
  std::uint32_t max_redirects = 3;
  std::uint64_t max_bytes = 4 * 1024 * 1024;
};

// What a bundle source plugin implements, besides Plugin. Concurrent.
class BundleSource {
 public:
  virtual ~BundleSource() = default;
  /// Blocks, on a worker of the plugin's. Ends soon after `cancelled` answers true or `deadline_ns`
  /// (monotonic) has come.
  virtual Result<std::string> fetch(const BundleFetch& request, std::int64_t deadline_ns,
                                    const std::function<bool()>& cancelled) = 0;
};

/// The C table of T, a class that derives from Plugin and BundleSource.
template <typename T>
const signet_bundle_source* bundle_source_table() {
  static const signet_bundle_source kTable = {
      sizeof(signet_bundle_source), 0,
      [](signet_instance* i, signet_call* c, const signet_bundle_fetch* given) -> signet_status {
        bool pending = false;
        const signet_status code = guarded(c, [&]() -> Status {
          T& plugin = plugin_cast<T>(i);
          BundleFetch request{std::string(view(given->trust_domain)),
                              std::string(view(given->url)),
                              given->profile == SIGNET_ENDPOINT_HTTPS_SPIFFE
                                  ? std::string(view(given->endpoint_id))
                                  : std::string(),
                              {},
                              (given->flags & SIGNET_FETCH_ALLOW_PRIVATE) != 0,
                              given->max_redirects,
                              given->max_bytes};
          if (given->profile == SIGNET_ENDPOINT_HTTPS_SPIFFE
                  ? request.endpoint_id.empty()
                  : given->profile != SIGNET_ENDPOINT_HTTPS_WEB) {
            return Status::invalid_argument("the endpoint's profile is not one of the two");
          }
          for (size_t n = 0; n < given->root_count; ++n) {
            request.roots.emplace_back(view(given->roots[n]));
          }
          SIGNET_RETURN_IF_ERROR(plugin.host().post([&plugin, c, request = std::move(request)] {
            const Call call(c);
            Result<std::string> document = Status::internal("internal error");
            try {
              document =
                  plugin.fetch(request, call.deadline_ns(), [&] { return call.cancelled(); });
            } catch (const std::exception& e) {
              document = Status::internal(e.what());
            }
            if (document) call.emit_bytes(SIGNET_KIND_BUNDLE_DOCUMENT, *document);
            call.complete(document.status());
          }));
          pending = true;
          return {};
        });
        return pending ? SIGNET_PENDING : code;
      }};
  return &kTable;
}

// The fetches that are under way, so that a role that stops can end them.
class BundleFetches {
 public:
  BundleFetches() = default;
  BundleFetches(const BundleFetches&) = delete;
  BundleFetches& operator=(const BundleFetches&) = delete;

  /// Ends them, and those that begin later at once.
  void cancel_all() {
    const std::lock_guard lock(mutex_);
    cancelled_ = true;
    const auto calls = calls_;  // cancel() may end one, which takes it off the list
    for (const auto& [call, services] : calls) {
      if (calls_.contains(call)) services->cancel(call);
    }
  }

 private:
  friend class BundleSourceClient;
  std::recursive_mutex mutex_;
  std::condition_variable_any changed_;
  std::map<signet_call*, const signet_host_services*> calls_;
  bool cancelled_ = false;
};

// The bundle source of the caller's scope. From a worker only.
class BundleSourceClient {
 public:
  static Result<BundleSourceClient> acquire(const Host& host, std::string_view name = {}) {
    SIGNET_TRY(auto handle,
               ServiceHandle<signet_bundle_source>::acquire(host, SIGNET_BUNDLE_SOURCE, name));
    return BundleSourceClient(std::move(handle));
  }

  /// The document. Blocks until `deadline_ns` (monotonic) or the end of `under_way` at most.
  Result<std::string> fetch(const BundleFetch& request, std::int64_t deadline_ns,
                            BundleFetches& under_way) const {
    std::vector<signet_bytes> roots;
    roots.reserve(request.roots.size());
    for (const std::string& root : request.roots) roots.push_back(bytes_to_abi(root));
    const signet_bundle_fetch given = {
        sizeof(signet_bundle_fetch),
        request.endpoint_id.empty() ? SIGNET_ENDPOINT_HTTPS_WEB : SIGNET_ENDPOINT_HTTPS_SPIFFE,
        request.allow_private ? SIGNET_FETCH_ALLOW_PRIVATE : 0,
        request.max_redirects,
        to_abi(request.trust_domain),
        to_abi(request.url),
        to_abi(request.endpoint_id),
        roots.data(),
        roots.size(),
        request.max_bytes};
    static constexpr signet_sink kSink = {sizeof(signet_sink), 0, &Pending::emitted,
                                          &Pending::finished};
    Pending pending{under_way, request.max_bytes};
    const signet_host_services* const services = handle_.services();
    signet_instance* instance = nullptr;
    const void* table = nullptr;
    const signet_status begun = services->begin(handle_.handle(), deadline_ns, &kSink, &pending,
                                                &pending.call, &instance, &table);
    if (begun != SIGNET_OK) return Status(static_cast<Code>(begun), "the plugin is stopping");
    const signet_status returned =
        static_cast<const signet_bundle_source*>(table)->fetch(instance, pending.call, &given);
    const signet_status ended = services->end(pending.call, returned);
    std::unique_lock lock(under_way.mutex_);
    if (ended == SIGNET_PENDING && !pending.done) {
      under_way.calls_.emplace(pending.call, services);
      if (under_way.cancelled_) services->cancel(pending.call);
    }
    under_way.changed_.wait(lock, [&] { return pending.done; });
    if (!pending.status.ok()) return pending.status;
    if (pending.too_large) return Status::resource_exhausted("the document is too large");
    return std::move(pending.document);
  }

 private:
  struct Pending {
    BundleFetches& under_way;
    const std::uint64_t max_bytes;
    signet_call* call = nullptr;
    std::string document = {};
    bool too_large = false;
    bool done = false;  // under under_way's lock
    Status status = {};

    static void emitted(void* arg, std::uint32_t kind, const void* msg, size_t size) {
      if (kind != SIGNET_KIND_BUNDLE_DOCUMENT) return;
      auto& self = *static_cast<Pending*>(arg);
      self.too_large = size > self.max_bytes;  // a plugin is not believed to count well
      if (!self.too_large) self.document.assign(static_cast<const char*>(msg), size);
    }
    static void finished(void* arg, signet_status code, signet_str message) {
      auto& self = *static_cast<Pending*>(arg);
      BundleFetches& fetches = self.under_way;
      const std::lock_guard lock(fetches.mutex_);
      if (code != SIGNET_OK)
        self.status = Status(static_cast<Code>(code), std::string(view(message)));
      fetches.calls_.erase(self.call);
      self.done = true;
      fetches.changed_.notify_all();
    }
  };

  explicit BundleSourceClient(ServiceHandle<signet_bundle_source> handle)
      : handle_(std::move(handle)) {}
  ServiceHandle<signet_bundle_source> handle_;
};

}  // namespace signet
