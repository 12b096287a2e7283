// Host: what a plugin instance may ask of the process it runs in.
//
// A thin, copyable view of signet_host with the services looked up once. Where a service is
// absent (an old host, a test), logging and metrics do nothing and the rest answers UNAVAILABLE.
#pragma once

#include <chrono>
#include <cstring>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "signet/abi/host.h"
#include "signet/status.h"

namespace signet {

inline signet_str to_abi(std::string_view s) { return {s.data(), s.size()}; }
inline signet_bytes bytes_to_abi(std::string_view s) {
  return {reinterpret_cast<const uint8_t*>(s.data()), s.size()};
}
inline std::string_view view(signet_str s) { return {s.ptr, s.len}; }
inline std::string_view view(signet_bytes b) {
  return {reinterpret_cast<const char*>(b.ptr), b.len};
}

// One field of a log line. Keys are those of signet/telemetry_names.h. A secret has no field type.
struct Field {
  Field(std::string_view k, std::string_view v)
      : abi{to_abi(k), to_abi(v), 0, SIGNET_FIELD_TEXT, 0} {}
  Field(std::string_view k, const char* v) : Field(k, std::string_view(v)) {}
  Field(std::string_view k, const std::string& v) : Field(k, std::string_view(v)) {}
  template <typename T>
    requires std::is_integral_v<T>
  Field(std::string_view k, T v)
      : abi{to_abi(k), {}, static_cast<int64_t>(v), SIGNET_FIELD_NUMBER, 0} {}
  Field(std::string_view k, std::chrono::nanoseconds v)
      : abi{to_abi(k), {}, v.count(), SIGNET_FIELD_DURATION_NS, 0} {}
  static Field time(std::string_view k, int64_t unix_seconds) {
    Field f(k, unix_seconds);
    f.abi.type = SIGNET_FIELD_TIME_S;
    return f;
  }
  signet_field abi;
};

enum class LogLevel : uint32_t { kTrace, kDebug, kInfo, kWarn, kError, kFatal };

// Immutable bytes shared by reference; the one thing that outlives the call it crossed in.
class Blob {
 public:
  Blob() = default;
  Blob(const signet_host_blob* api, signet_blob* blob) : api_(api), blob_(blob) {}  // takes over
  Blob(const Blob& o) : api_(o.api_), blob_(o.blob_) {
    if (blob_) api_->ref(blob_);
  }
  Blob(Blob&& o) noexcept : api_(o.api_), blob_(std::exchange(o.blob_, nullptr)) {}
  Blob& operator=(Blob o) noexcept {
    std::swap(api_, o.api_);
    std::swap(blob_, o.blob_);
    return *this;
  }
  ~Blob() {
    if (blob_) api_->unref(blob_);
  }
  explicit operator bool() const { return blob_ != nullptr; }
  std::string_view bytes() const { return blob_ ? view(api_->bytes(blob_)) : std::string_view(); }
  signet_blob* get() const { return blob_; }
  signet_blob* release() { return std::exchange(blob_, nullptr); }

 private:
  const signet_host_blob* api_ = nullptr;
  signet_blob* blob_ = nullptr;
};

// Bytes in the host's locked memory; opened only inside a callback.
class Secret {
 public:
  Secret() = default;
  Secret(const signet_host_secret* api, signet_secret* s) : api_(api), secret_(s) {}  // takes over
  Secret(const Secret& o) : api_(o.api_), secret_(o.secret_) {
    if (secret_) api_->ref(secret_);
  }
  Secret(Secret&& o) noexcept : api_(o.api_), secret_(std::exchange(o.secret_, nullptr)) {}
  Secret& operator=(Secret o) noexcept {
    std::swap(api_, o.api_);
    std::swap(secret_, o.secret_);
    return *this;
  }
  ~Secret() {
    if (secret_) api_->unref(secret_);
  }
  explicit operator bool() const { return secret_ != nullptr; }
  signet_secret* get() const { return secret_; }
  /// Runs fn(std::string_view) with the bytes; the view dies with fn.
  template <typename F>
  void open(F&& fn) const {
    if (!secret_) return;
    api_->open(
        secret_,
        [](void* arg, signet_bytes b) {
          (*static_cast<std::remove_reference_t<F>*>(arg))(view(b));
        },
        std::addressof(fn));
  }

 private:
  const signet_host_secret* api_ = nullptr;
  signet_secret* secret_ = nullptr;
};

class Host {
 public:
  Host() = default;
  explicit Host(const signet_host* host) : host_(host) {
    log_ = service<signet_host_log>(SIGNET_HOST_LOG);
    clock_ = service<signet_host_clock>(SIGNET_HOST_CLOCK);
    timer_ = service<signet_host_timer>(SIGNET_HOST_TIMER);
    executor_ = service<signet_host_executor>(SIGNET_HOST_EXECUTOR);
    blob_ = service<signet_host_blob>(SIGNET_HOST_BLOB);
    secret_ = service<signet_host_secret>(SIGNET_HOST_SECRET);
    metrics_ = service<signet_host_metrics>(SIGNET_HOST_METRICS);
    services_ = service<signet_host_services>(SIGNET_HOST_SERVICES);
  }

  const signet_host* abi() const { return host_; }
  /// A host service's table, or nullptr.
  template <typename T>
  const T* service(const char* id) const {
    return host_ ? static_cast<const T*>(host_->get_service(host_, id)) : nullptr;
  }
  const signet_host_services* services() const { return services_; }
  const signet_host_timer* timers() const { return timer_; }

  // -- log
  bool enabled(LogLevel level) const {
    return log_ && log_->enabled(host_, static_cast<uint32_t>(level)) != 0;
  }
  void log(LogLevel level, std::string_view message,
           std::initializer_list<Field> fields = {}) const {
    if (enabled(level)) write(level, message, fields.begin(), fields.size());
  }
  void log(LogLevel level, std::string_view message, const std::vector<Field>& fields) const {
    if (enabled(level)) write(level, message, fields.data(), fields.size());
  }
  void debug(std::string_view m, std::initializer_list<Field> f = {}) const {
    log(LogLevel::kDebug, m, f);
  }
  void info(std::string_view m, std::initializer_list<Field> f = {}) const {
    log(LogLevel::kInfo, m, f);
  }
  void warn(std::string_view m, std::initializer_list<Field> f = {}) const {
    log(LogLevel::kWarn, m, f);
  }
  void error(std::string_view m, std::initializer_list<Field> f = {}) const {
    log(LogLevel::kError, m, f);
  }
  /// Logs a Status as error=... with its fields.
  void log_status(LogLevel level, std::string_view message, const Status& status) const {
    if (!enabled(level)) return;
    std::vector<Field> fields;
    fields.emplace_back("error", status.message());
    for (const auto& [key, value] : status.fields()) fields.emplace_back(key, value);
    write(level, message, fields.data(), fields.size());
  }

  // -- clock
  int64_t monotonic_ns() const { return clock_ ? clock_->monotonic_ns(host_) : 0; }
  int64_t wall_ns() const { return clock_ ? clock_->wall_ns(host_) : 0; }
  int64_t unix_seconds() const { return wall_ns() / 1'000'000'000; }
  /// The absolute deadline for something that may take `d` from now.
  int64_t deadline_in(std::chrono::nanoseconds d) const { return monotonic_ns() + d.count(); }

  // -- executor
  /// Runs fn on a worker. RESOURCE_EXHAUSTED when the queue is full: fn is not run.
  Status post(std::function<void()> fn) const {
    if (!executor_) return Status::unavailable("the host has no executor");
    auto task = std::make_unique<std::function<void()>>(std::move(fn));
    const signet_status code = executor_->post(
        host_,
        [](void* arg) {
          std::unique_ptr<std::function<void()>> owned(static_cast<std::function<void()>*>(arg));
          try {
            (*owned)();
          } catch (...) {  // nothing crosses the border; the task has no caller to tell
          }
        },
        task.get());
    if (code != SIGNET_OK) return Status(static_cast<Code>(code), "the worker queue is full");
    (void)task.release();
    return {};
  }

  // -- blobs and secrets
  Blob blob(std::string_view bytes, bool secret = false) const {
    signet_blob* b = nullptr;
    if (blob_) blob_->create(host_, bytes_to_abi(bytes), secret ? SIGNET_BLOB_SECRET : 0, &b);
    return Blob(blob_, b);
  }
  /// A blob of `size` bytes; fill(uint8_t*) writes it before anybody sees it.
  template <typename F>
  Blob blob_filled(std::size_t size, F&& fill, bool secret = false) const {
    signet_blob* b = nullptr;
    uint8_t* data = nullptr;
    if (!blob_ ||
        blob_->allocate(host_, size, secret ? SIGNET_BLOB_SECRET : 0, &data, &b) != SIGNET_OK) {
      return Blob();
    }
    fill(data);
    return Blob(blob_, b);
  }
  /// A protobuf message (or anything with ByteSizeLong and SerializeWithCachedSizesToArray).
  template <typename M>
  Blob blob_of(const M& message, bool secret = false) const {
    return blob_filled(
        message.ByteSizeLong(),
        [&](uint8_t* data) { message.SerializeWithCachedSizesToArray(data); }, secret);
  }
  Secret secret(std::string_view bytes) const {
    signet_secret* s = nullptr;
    if (secret_) secret_->create(host_, bytes_to_abi(bytes), &s);
    return Secret(secret_, s);
  }

  // -- metrics
  void count(std::string_view name, std::initializer_list<Field> labels = {}) const {
    record(SIGNET_METRIC_COUNTER, name, 1, labels);
  }
  void gauge(std::string_view name, double value, std::initializer_list<Field> labels = {}) const {
    record(SIGNET_METRIC_GAUGE, name, value, labels);
  }
  void sample(std::string_view name, double value, std::initializer_list<Field> labels = {}) const {
    record(SIGNET_METRIC_SAMPLE, name, value, labels);
  }

  // -- the rest, looked up when used: rare
  void set_health(std::string_view subsystem, bool live, bool ready,
                  std::string_view details_json = {}) const {
    if (const auto* h = service<signet_host_health>(SIGNET_HOST_HEALTH)) {
      h->set(host_, to_abi(subsystem), live, ready, to_abi(details_json));
    }
  }
  /// Ends the scope with that exit code, after a drain.
  void quit(int code, std::string_view reason) const {
    if (const auto* l = service<signet_host_lifecycle>(SIGNET_HOST_LIFECYCLE)) {
      l->quit(host_, code, to_abi(reason));
    }
  }
  /// "server.conf:12:3" of a setting by JSON pointer, or "".
  std::string locate(std::string_view json_pointer) const {
    const auto* c = service<signet_host_config>(SIGNET_HOST_CONFIG);
    return c ? std::string(view(c->locate(host_, to_abi(json_pointer)))) : std::string();
  }
  /// JSON object of the scope's shared settings (trust_domain, data_dir), or "{}".
  std::string shared_settings() const {
    const auto* c = service<signet_host_config>(SIGNET_HOST_CONFIG);
    return c ? std::string(view(c->shared(host_))) : std::string("{}");
  }
  /// In configure(): the plugin will write this file, or beside it; a path that need not exist.
  /// Errors   kFailedPrecondition: the process can write only elsewhere until it is restarted
  Status will_write_file(std::string_view path) const {
    return will_write(path, SIGNET_WRITES_FILE);
  }
  /// The same of a folder and all below it.
  Status will_write_folder(std::string_view path) const {
    return will_write(path, SIGNET_WRITES_FOLDER);
  }
  /// Another role's configuration file as JSON (abi/host.h says how). May hold passwords.
  /// Errors   kNotFound, kInvalidArgument with its position, ...
  Result<Blob> read_config_file(std::string_view path, bool expand_env) const {
    const auto* c = service<signet_host_config>(SIGNET_HOST_CONFIG);
    if (!c || !SIGNET_HAS(c, signet_host_config, read_file)) {
      return Status::unimplemented("this host reads no configuration files for plugins");
    }
    signet_blob* out = nullptr;
    const signet_status code = c->read_file(host_, to_abi(path), expand_env ? 1 : 0, &out);
    Blob blob(blob_, out);
    if (code != SIGNET_OK) return Status(static_cast<Code>(code), std::string(blob.bytes()));
    return blob;
  }

 private:
  void write(LogLevel level, std::string_view message, const Field* fields, std::size_t n) const {
    static_assert(sizeof(Field) == sizeof(signet_field));
    log_->write(host_, static_cast<uint32_t>(level), to_abi(message),
                reinterpret_cast<const signet_field*>(fields), n);
  }
  Status will_write(std::string_view path, uint32_t what) const {
    const auto* files = service<signet_host_files>(SIGNET_HOST_FILES);
    if (!files || files->will_write(host_, to_abi(path), what) == SIGNET_OK) return {};
    return Status::failed_precondition(
        "\"" + std::string(path) +
        "\" is not where this process could write when it started; restart it to write there");
  }
  void record(uint32_t kind, std::string_view name, double value,
              std::initializer_list<Field> labels) const {
    if (metrics_) {
      metrics_->record(host_, kind, to_abi(name), value,
                       reinterpret_cast<const signet_field*>(labels.begin()), labels.size());
    }
  }

  const signet_host* host_ = nullptr;
  const signet_host_log* log_ = nullptr;
  const signet_host_clock* clock_ = nullptr;
  const signet_host_timer* timer_ = nullptr;
  const signet_host_executor* executor_ = nullptr;
  const signet_host_blob* blob_ = nullptr;
  const signet_host_secret* secret_ = nullptr;
  const signet_host_metrics* metrics_ = nullptr;
  const signet_host_services* services_ = nullptr;
};

// A timer that stops with its owner. After stop() or the destructor the function is not running
// and never runs again, so it may use its owner's members freely.
class Timer {
 public:
  Timer() = default;
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  ~Timer() { stop(); }

  Status start_once(const Host& host, std::chrono::nanoseconds after, std::function<void()> fn) {
    return start(host, after, std::chrono::nanoseconds(0), std::move(fn));
  }
  Status start_every(const Host& host, std::chrono::nanoseconds period, std::function<void()> fn) {
    return start(host, period, period, std::move(fn));
  }
  Status start(const Host& host, std::chrono::nanoseconds after, std::chrono::nanoseconds period,
               std::function<void()> fn) {
    stop();
    const signet_host_timer* api = host.timers();
    if (!api) return Status::unavailable("the host has no timers");
    host_ = host.abi();
    api_ = api;
    fn_ = std::move(fn);
    const signet_status code = api->start(
        host_, host.monotonic_ns() + after.count(), period.count(),
        [](void* arg) {
          try {
            static_cast<Timer*>(arg)->fn_();
          } catch (...) {  // nothing crosses the border
          }
        },
        this, &id_);
    return code == SIGNET_OK ? Status() : Status(static_cast<Code>(code), "cannot start a timer");
  }
  /// Not from within the function itself, except when the timer is never started again.
  void stop() {
    if (id_ != 0) api_->cancel(host_, std::exchange(id_, 0));
  }

 private:
  const signet_host* host_ = nullptr;
  const signet_host_timer* api_ = nullptr;
  std::function<void()> fn_;
  uint64_t id_ = 0;
};

}  // namespace signet
