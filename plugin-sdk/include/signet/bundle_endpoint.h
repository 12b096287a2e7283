// Bundle endpoints in C++: the interface a plugin implements, and the client a role uses.
//
//   class HttpsFederation final : public signet::Plugin, public signet::BundleEndpoint { ... };
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "signet/abi/bundle_endpoint.h"
#include "signet/plugin.h"
#include "signet/service.h"

namespace signet {

struct EndpointOptions {
  std::string address;                     // an IP address
  std::uint32_t port = 0;                  // 0: a free one
  std::string certificate_file, key_file;  // https_web; both empty: https_spiffe
  std::chrono::nanoseconds file_check{0};  // how often the files are looked at

  bool web() const { return !certificate_file.empty(); }
};

// What a bundle endpoint plugin implements, besides Plugin. Concurrent; each may block.
class BundleEndpoint {
 public:
  virtual ~BundleEndpoint() = default;
  /// Begins to listen; the port.
  virtual Result<std::uint32_t> begin_serving(const EndpointOptions& options) = 0;
  /// No more connections; those that are open end. Also when nothing is served.
  virtual void end_serving() = 0;
  virtual Status set_document(std::string_view document) = 0;
  /// chain   DER, leaf first; key   PKCS#8 DER, to be read inside the call only
  virtual Status set_identity(const std::vector<std::string_view>& chain, std::string_view key) = 0;

  // The call that serve() keeps, for the table below and for drain().
  signet_status keep(signet_call* call, const Host& host) {
    {
      const std::lock_guard lock(mutex_);
      call_ = call;
      host_ = host;
    }
    call->ops->on_cancel(
        call,
        [](void* arg) {
          // Whoever cancels must not wait for connections to end.
          auto& self = *static_cast<BundleEndpoint*>(arg);
          const auto end = [&self] { self.end(SIGNET_CANCELLED); };
          if (!self.host_.post(end).ok()) end();
        },
        this);
    return SIGNET_PENDING;
  }
  /// Ends serving and the call. A plugin does this in drain() and stop().
  void end(signet_status code) {
    signet_call* call = nullptr;
    {
      const std::lock_guard lock(mutex_);
      std::swap(call, call_);
    }
    end_serving();
    if (call != nullptr) call->ops->complete(call, code);
  }

 private:
  std::mutex mutex_;
  signet_call* call_ = nullptr;
  Host host_;
};

/// The C table of T, a class that derives from Plugin and BundleEndpoint.
template <typename T>
const signet_bundle_endpoint* bundle_endpoint_table() {
  static const signet_bundle_endpoint kTable = {
      sizeof(signet_bundle_endpoint), 0,
      [](signet_instance* i, signet_call* c,
         const signet_endpoint_options* given) -> signet_status {
        T& plugin = plugin_cast<T>(i);
        const signet_status code = guarded(c, [&]() -> Status {
          EndpointOptions options;
          options.address = view(given->address);
          options.port = given->port;
          if (given->profile == SIGNET_ENDPOINT_HTTPS_WEB) {
            options.certificate_file = view(given->certificate_file);
            options.key_file = view(given->key_file);
            options.file_check = std::chrono::nanoseconds(given->file_check_ns);
            if (options.certificate_file.empty() || options.key_file.empty()) {
              return Status::invalid_argument("https_web needs a certificate and a key");
            }
          } else if (given->profile != SIGNET_ENDPOINT_HTTPS_SPIFFE) {
            return Status::invalid_argument("the endpoint's profile is not one of the two");
          }
          SIGNET_TRY(const std::uint32_t port, plugin.begin_serving(options));
          Call(c).emit(SIGNET_KIND_ENDPOINT_LISTENS,
                       signet_endpoint_listens{sizeof(signet_endpoint_listens), port});
          return {};
        });
        return code == SIGNET_OK ? plugin.keep(c, plugin.host()) : code;
      },
      [](signet_instance* i, signet_call* c, signet_bytes document) {
        return guarded(c, [&] { return plugin_cast<T>(i).set_document(view(document)); });
      },
      [](signet_instance* i, signet_call* c, const signet_endpoint_identity* given) {
        return guarded(c, [&]() -> Status {
          T& plugin = plugin_cast<T>(i);
          std::vector<std::string_view> chain;
          for (size_t n = 0; n < given->chain_len; ++n) chain.push_back(view(given->chain[n]));
          const auto* secrets =
              plugin.host().template service<signet_host_secret>(SIGNET_HOST_SECRET);
          if (secrets == nullptr || given->key == nullptr) {
            return Status::invalid_argument("an identity needs a key");
          }
          struct Opened {
            T& plugin;
            const std::vector<std::string_view>& chain;
            Status status;
          } opened{plugin, chain, Status::internal("the key was not opened")};
          secrets->open(
              given->key,
              [](void* arg, signet_bytes key) {
                auto& o = *static_cast<Opened*>(arg);
                try {
                  o.status = o.plugin.set_identity(o.chain, view(key));
                } catch (...) {  // the host's function has no exceptions to pass on
                }
              },
              &opened);
          return opened.status;
        });
      }};
  return &kTable;
}

// The bundle endpoint of the caller's scope. From a worker only.
class BundleEndpointClient {
 public:
  static Result<BundleEndpointClient> acquire(const Host& host, std::string_view name = {}) {
    SIGNET_TRY(auto handle,
               ServiceHandle<signet_bundle_endpoint>::acquire(host, SIGNET_BUNDLE_ENDPOINT, name));
    return BundleEndpointClient(std::move(handle));
  }

  /// Serves until `stream` is stopped; the port. on_end is told why when it ends by itself.
  Result<std::uint32_t> serve(ServiceStream& stream, const EndpointOptions& options,
                              std::function<void(const Status&)> on_end) const {
    struct Answer {
      std::mutex mutex;
      std::condition_variable changed;
      std::uint32_t port = 0;
      bool listens = false, ended = false;
      Status status;
    };
    const auto answer = std::make_shared<Answer>();
    const signet_endpoint_options given = {
        sizeof(signet_endpoint_options),
        options.web() ? SIGNET_ENDPOINT_HTTPS_WEB : SIGNET_ENDPOINT_HTTPS_SPIFFE,
        to_abi(options.address),
        options.port,
        0,
        to_abi(options.certificate_file),
        to_abi(options.key_file),
        options.file_check.count()};
    SIGNET_RETURN_IF_ERROR(stream.start(
        handle_,
        [answer](std::uint32_t kind, const void* msg, std::size_t) {
          if (kind != SIGNET_KIND_ENDPOINT_LISTENS) return;
          const std::lock_guard lock(answer->mutex);
          answer->port = static_cast<const signet_endpoint_listens*>(msg)->port;
          answer->listens = true;
          answer->changed.notify_all();
        },
        [answer, on_end = std::move(on_end)](const Status& status) {
          bool listened = false;
          {
            const std::lock_guard lock(answer->mutex);
            answer->ended = true;
            answer->status = status;
            listened = answer->listens;
            answer->changed.notify_all();
          }
          if (listened && on_end) on_end(status);
        },
        [&](const signet_bundle_endpoint& api, signet_instance* i, signet_call* c) {
          return api.serve(i, c, &given);
        }));
    std::unique_lock lock(answer->mutex);
    answer->changed.wait_for(lock, kTimeout, [&] { return answer->listens || answer->ended; });
    if (answer->listens) return answer->port;
    const bool ended = answer->ended;
    Status status = answer->status;
    lock.unlock();
    stream.stop();
    if (!ended) return Status::unavailable("the bundle endpoint plugin does not answer");
    return status.ok() ? Status::internal("the bundle endpoint plugin serves nothing") : status;
  }

  Status set_document(const Host& host, std::string_view document) const {
    return handle_.call(
        host.deadline_in(kTimeout), [](auto...) {},
        [&](const signet_bundle_endpoint& api, signet_instance* i, signet_call* c) {
          return api.set_document(i, c, bytes_to_abi(document));
        });
  }
  Status set_identity(const Host& host, const std::vector<std::string>& chain,
                      const Secret& key) const {
    std::vector<signet_bytes> spans;
    spans.reserve(chain.size());
    for (const std::string& der : chain) spans.push_back(bytes_to_abi(der));
    const signet_endpoint_identity given = {sizeof(signet_endpoint_identity), 0, spans.data(),
                                            spans.size(), key.get()};
    return handle_.call(
        host.deadline_in(kTimeout), [](auto...) {},
        [&](const signet_bundle_endpoint& api, signet_instance* i, signet_call* c) {
          return api.set_identity(i, c, &given);
        });
  }

 private:
  explicit BundleEndpointClient(ServiceHandle<signet_bundle_endpoint> handle)
      : handle_(std::move(handle)) {}
  static constexpr std::chrono::seconds kTimeout{10};
  ServiceHandle<signet_bundle_endpoint> handle_;
};

}  // namespace signet
