// A small in-process host: log kept in memory, real clock, a few workers, counted blobs and
// secrets. Enough of the ABI to run the transport without a kernel.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <time.h>
#include <vector>

#include "signet/abi/key_manager.h"
#include "signet/host.h"

// The host's own idea of a blob and a secret.
struct signet_blob {
  std::atomic<uint32_t> refs{1};
  uint32_t flags = 0;
  std::size_t size = 0;
  uint8_t* data() { return reinterpret_cast<uint8_t*>(this + 1); }
};
struct signet_secret {
  std::atomic<uint32_t> refs{1};
  std::string bytes;
};

namespace signet::test {

class TestHost {
 public:
  explicit TestHost(int workers = 4, bool keep_log = false) : keep_log_(keep_log) {
    abi_ = {sizeof(signet_host), 1, 0, this, "test", "0", [](const signet_host* h, const char* id) {
              return static_cast<TestHost*>(h->impl)->service(id);
            }};
    for (int i = 0; i < workers; ++i) threads_.emplace_back([this] { work(); });
  }
  ~TestHost() {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    for (auto& t : threads_) t.join();
  }
  const signet_host* abi() const { return &abi_; }
  Host host() const { return Host(&abi_); }

  std::vector<std::string> log() const {
    std::lock_guard lock(log_mutex_);
    return log_;
  }
  void forget_log() {
    std::lock_guard lock(log_mutex_);
    log_.clear();
  }
  static int64_t live_blobs() { return blobs(); }
  static int64_t wiped_blobs() { return wiped(); }

  // A key manager for the tests of key references: sign() under any name.
  const signet_key_manager* key_manager = nullptr;
  void* key_manager_self = nullptr;

 private:
  static std::atomic<int64_t>& blobs() {
    static std::atomic<int64_t> n{0};
    return n;
  }
  static std::atomic<int64_t>& wiped() {
    static std::atomic<int64_t> n{0};
    return n;
  }
  static TestHost* of(const signet_host* h) { return static_cast<TestHost*>(h->impl); }

  void work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [&] { return stopping_ || !tasks_.empty(); });
      if (tasks_.empty()) return;
      const auto [fn, arg] = tasks_.front();
      tasks_.pop_front();
      lock.unlock();
      fn(arg);
      lock.lock();
    }
  }

  static int64_t now(clockid_t id) {
    timespec t{};
    clock_gettime(id, &t);
    return t.tv_sec * INT64_C(1'000'000'000) + t.tv_nsec;
  }

  static signet_status allocate(const signet_host*, size_t size, uint32_t flags, uint8_t** data,
                                signet_blob** out) {
    auto* blob = new (::operator new(sizeof(signet_blob) + size)) signet_blob;
    blob->flags = flags;
    blob->size = size;
    ++blobs();
    *data = blob->data();
    *out = blob;
    return SIGNET_OK;
  }
  static void unref_blob(signet_blob* blob) {
    if (--blob->refs != 0) return;
    if (blob->flags & SIGNET_BLOB_SECRET) {
      explicit_bzero(blob->data(), blob->size);
      ++wiped();
    }
    blob->~signet_blob();
    ::operator delete(blob);
    --blobs();
  }

  // One call of another plugin's service: only sign(), synchronous.
  struct ServiceCall {
    signet_call abi{};
    const signet_sink* sink = nullptr;
    void* arg = nullptr;
    std::string message;
  };

  const void* service(const char* id) {
    static const signet_host_log kLog = {
        sizeof kLog,
        0,
        [](const signet_host* h, uint32_t) -> uint32_t { return of(h)->keep_log_ ? 1 : 0; },
        [](const signet_host* h, uint32_t level, signet_str message, const signet_field* fields,
           size_t n) {
          std::string line = std::to_string(level) + " " + std::string(view(message));
          for (size_t i = 0; i < n; ++i) {
            line += " " + std::string(view(fields[i].key)) + "=" +
                    (fields[i].type == SIGNET_FIELD_TEXT ? std::string(view(fields[i].text))
                                                         : std::to_string(fields[i].number));
          }
          std::lock_guard lock(of(h)->log_mutex_);
          of(h)->log_.push_back(std::move(line));
        },
        nullptr,
        nullptr};
    static const signet_host_clock kClock = {
        sizeof kClock, 0, [](const signet_host*) { return now(CLOCK_MONOTONIC); },
        [](const signet_host*) { return now(CLOCK_REALTIME); }};
    static const signet_host_executor kExecutor = {
        sizeof kExecutor, 0,
        [](const signet_host* h, void (*fn)(void*), void* arg) -> signet_status {
          auto* self = of(h);
          {
            std::lock_guard lock(self->mutex_);
            self->tasks_.emplace_back(fn, arg);
          }
          self->changed_.notify_one();
          return SIGNET_OK;
        }};
    static const signet_host_blob kBlob = {
        sizeof kBlob,
        0,
        [](const signet_host* h, signet_bytes bytes, uint32_t flags,
           signet_blob** out) -> signet_status {
          uint8_t* data = nullptr;
          allocate(h, bytes.len, flags, &data, out);
          if (bytes.len != 0) std::memcpy(data, bytes.ptr, bytes.len);
          return SIGNET_OK;
        },
        &allocate,
        [](signet_blob* b) { ++b->refs; },
        &unref_blob,
        [](const signet_blob* b) {
          return signet_bytes{const_cast<signet_blob*>(b)->data(), b->size};
        }};
    static const signet_host_secret kSecret = {
        sizeof kSecret,
        0,
        [](const signet_host*, signet_bytes bytes, signet_secret** out) -> signet_status {
          *out = new signet_secret{{1}, std::string(view(bytes))};
          return SIGNET_OK;
        },
        [](const signet_secret* s, void (*fn)(void*, signet_bytes), void* arg) {
          fn(arg, bytes_to_abi(s->bytes));
        },
        [](signet_secret* s) { ++s->refs; },
        [](signet_secret* s) {
          if (--s->refs == 0) delete s;
        }};
    static const signet_call_ops kCallOps = {
        sizeof kCallOps,
        0,
        [](const signet_call*) { return 0u; },
        [](signet_call*, void (*)(void*), void*) -> signet_status { return SIGNET_OK; },
        [](signet_call* c, uint32_t kind, const void* msg, size_t size) -> signet_status {
          auto* call = static_cast<ServiceCall*>(c->impl);
          if (call->sink->on_emit) call->sink->on_emit(call->arg, kind, msg, size);
          return SIGNET_OK;
        },
        [](signet_call* c, signet_status code, signet_str message) -> signet_status {
          static_cast<ServiceCall*>(c->impl)->message = view(message);
          return code;
        },
        nullptr};
    static const signet_host_services kServices = {
        sizeof kServices,
        0,
        [](const signet_host* h, const char* id_, signet_str,
           signet_handle** out) -> signet_status {
          if (std::strcmp(id_, SIGNET_KEY_MANAGER) != 0 || !of(h)->key_manager)
            return SIGNET_NOT_FOUND;
          *out = reinterpret_cast<signet_handle*>(of(h));
          return SIGNET_OK;
        },
        [](signet_handle*) {},
        nullptr,
        [](signet_handle* handle, int64_t deadline, const signet_sink* sink, void* arg,
           signet_call** call, signet_instance** instance, const void** table) -> signet_status {
          auto* self = reinterpret_cast<TestHost*>(handle);
          auto* c = new ServiceCall;
          c->abi = {sizeof(signet_call), 0, &kCallOps, deadline, {nullptr, 0}, c};
          c->sink = sink;
          c->arg = arg;
          *call = &c->abi;
          *instance = static_cast<signet_instance*>(self->key_manager_self);
          *table = self->key_manager;
          return SIGNET_OK;
        },
        [](signet_call* c, signet_status returned) -> signet_status {
          const std::unique_ptr<ServiceCall> call(static_cast<ServiceCall*>(c->impl));
          if (call->sink->on_done) call->sink->on_done(call->arg, returned, to_abi(call->message));
          return returned;
        },
        nullptr};
    const std::string_view name = id;
    if (name == SIGNET_HOST_LOG) return &kLog;
    if (name == SIGNET_HOST_CLOCK) return &kClock;
    if (name == SIGNET_HOST_EXECUTOR) return &kExecutor;
    if (name == SIGNET_HOST_BLOB) return &kBlob;
    if (name == SIGNET_HOST_SECRET) return &kSecret;
    if (name == SIGNET_HOST_SERVICES) return &kServices;
    if (rpc && name == "signet.host.rpc/1") return rpc;
    return nullptr;
  }

 public:
  const void* rpc = nullptr;  // the table under test

 private:
  const bool keep_log_;
  signet_host abi_{};
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  std::deque<std::pair<void (*)(void*), void*>> tasks_;
  mutable std::mutex log_mutex_;
  std::vector<std::string> log_;
  std::vector<std::thread> threads_;
};

}  // namespace signet::test
