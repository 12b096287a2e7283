// ServiceHandle<T>: another plugin's service, called synchronously from a worker or as a stream.
//
//   SIGNET_TRY(auto keys, ServiceHandle<signet_key_manager>::acquire(host, SIGNET_KEY_MANAGER));
//   std::string signature;
//   Status s = keys.call(deadline,
//       [&](uint32_t kind, const void* msg, std::size_t size) { ... },
//       [&](const signet_key_manager& api, signet_instance* i, signet_call* c) {
//         return api.sign(i, c, &request); });
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "signet/host.h"
#include "signet/status.h"

namespace signet {

template <typename Api>
class ServiceHandle {
 public:
  /// name: the instance ("disk"), or "" for the only one in scope.
  static Result<ServiceHandle> acquire(const Host& host, const char* id,
                                       std::string_view name = {}) {
    const signet_host_services* services = host.services();
    if (!services) return Status::unavailable("the host has no services");
    signet_handle* handle = nullptr;
    const signet_status code = services->acquire(host.abi(), id, to_abi(name), &handle);
    if (code != SIGNET_OK) {
      std::string what = "no plugin in scope offers ";
      what += id;
      if (!name.empty()) what.append(" under the name \"").append(name).append("\"");
      return Status(static_cast<Code>(code), std::move(what));
    }
    return ServiceHandle(services, handle);
  }
  /// The instances that offer `id`, in configuration order.
  static std::vector<std::string> names(const Host& host, const char* id) {
    std::vector<std::string> out;
    if (host.services()) {
      host.services()->list(
          host.abi(), id,
          [](void* arg, signet_str name) {
            static_cast<std::vector<std::string>*>(arg)->emplace_back(view(name));
          },
          &out);
    }
    return out;
  }

  ServiceHandle() = default;
  ServiceHandle(ServiceHandle&& o) noexcept
      : services_(o.services_), handle_(std::exchange(o.handle_, nullptr)) {}
  ServiceHandle& operator=(ServiceHandle&& o) noexcept {
    std::swap(services_, o.services_);
    std::swap(handle_, o.handle_);
    return *this;
  }
  ~ServiceHandle() {
    if (handle_) services_->release(handle_);
  }
  explicit operator bool() const { return handle_ != nullptr; }

  /// One call, waited for. on_emit(kind, msg, size) runs before it returns; fn is called once on
  /// this thread with (table, instance, call) and gives the function's own return value.
  template <typename OnEmit, typename Fn>
  Status call(int64_t deadline_ns, OnEmit&& on_emit, Fn&& fn) const {
    Waiter<OnEmit> waiter{on_emit};
    static constexpr signet_sink kSink = {sizeof(signet_sink), 0, &Waiter<OnEmit>::emitted,
                                          &Waiter<OnEmit>::finished};
    signet_call* call = nullptr;
    signet_instance* instance = nullptr;
    const void* table = nullptr;
    const signet_status begun =
        services_->begin(handle_, deadline_ns, &kSink, &waiter, &call, &instance, &table);
    if (begun != SIGNET_OK) return Status(static_cast<Code>(begun), "the plugin is stopping");
    const signet_status returned = fn(*static_cast<const Api*>(table), instance, call);
    if (services_->end(call, returned) == SIGNET_PENDING) {
      std::unique_lock lock(waiter.mutex);
      waiter.changed.wait(lock, [&] { return waiter.done; });
    }
    return std::move(waiter.status);
  }

  const signet_host_services* services() const { return services_; }
  signet_handle* handle() const { return handle_; }

 private:
  ServiceHandle(const signet_host_services* services, signet_handle* handle)
      : services_(services), handle_(handle) {}

  template <typename OnEmit>
  struct Waiter {
    OnEmit& on_emit;
    std::mutex mutex{};
    std::condition_variable changed{};
    bool done = false;
    Status status{};
    ErrorDetail detail{};

    static void emitted(void* arg, uint32_t kind, const void* msg, size_t size) {
      auto& self = *static_cast<Waiter*>(arg);
      if (kind == SIGNET_KIND_ERROR_DETAIL) {
        const auto& d = *static_cast<const signet_error_detail*>(msg);
        self.detail = {std::string(view(d.type_url)), std::string(view(d.value))};
        return;
      }
      self.on_emit(kind, msg, size);
    }
    static void finished(void* arg, signet_status code, signet_str message) {
      auto& self = *static_cast<Waiter*>(arg);
      Status status;
      if (code != SIGNET_OK) {
        status = Status(static_cast<Code>(code), std::string(view(message)));
        if (!self.detail.type_url.empty())
          status = std::move(status).with_detail(std::move(self.detail));
      }
      std::lock_guard lock(self.mutex);
      self.status = std::move(status);
      self.done = true;
      self.changed.notify_all();
    }
  };

  const signet_host_services* services_ = nullptr;
  signet_handle* handle_ = nullptr;
};

// A call that goes on until it is stopped: a watch. on_emit runs on the provider's threads.
class ServiceStream {
 public:
  using OnEmit = std::function<void(uint32_t kind, const void* msg, std::size_t size)>;
  using OnDone = std::function<void(Status)>;

  ServiceStream() = default;
  ServiceStream(const ServiceStream&) = delete;
  ServiceStream& operator=(const ServiceStream&) = delete;
  ~ServiceStream() { stop(); }

  template <typename Api, typename Fn>
  Status start(const ServiceHandle<Api>& handle, OnEmit on_emit, OnDone on_done, Fn&& fn) {
    stop();
    services_ = handle.services();
    on_emit_ = std::move(on_emit);
    on_done_ = std::move(on_done);
    done_ = false;
    static constexpr signet_sink kSink = {sizeof(signet_sink), 0, &ServiceStream::emitted,
                                          &ServiceStream::finished};
    signet_instance* instance = nullptr;
    const void* table = nullptr;
    const signet_status begun =
        services_->begin(handle.handle(), INT64_MAX, &kSink, this, &call_, &instance, &table);
    if (begun != SIGNET_OK) {
      done_ = true;
      return Status(static_cast<Code>(begun), "the plugin is stopping");
    }
    services_->end(call_, fn(*static_cast<const Api*>(table), instance, call_));
    return {};
  }
  /// Cancels and waits for the last callback. Not from within a callback.
  void stop() {
    std::unique_lock lock(mutex_);
    if (done_) return;
    // Under the lock: finished() waits for it, so the call is still alive. Recursive, since
    // a provider may finish the call from within cancel().
    services_->cancel(call_);
    changed_.wait(lock, [&] { return done_; });
  }

 private:
  static void emitted(void* arg, uint32_t kind, const void* msg, size_t size) {
    static_cast<ServiceStream*>(arg)->on_emit_(kind, msg, size);
  }
  static void finished(void* arg, signet_status code, signet_str message) {
    auto& self = *static_cast<ServiceStream*>(arg);
    if (self.on_done_) self.on_done_(Status(static_cast<Code>(code), std::string(view(message))));
    std::lock_guard lock(self.mutex_);
    self.done_ = true;
    self.changed_.notify_all();
  }

  const signet_host_services* services_ = nullptr;
  signet_call* call_ = nullptr;
  OnEmit on_emit_;
  OnDone on_done_;
  std::recursive_mutex mutex_;
  std::condition_variable_any changed_;
  bool done_ = true;
};

}  // namespace signet
