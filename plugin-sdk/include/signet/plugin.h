// Plugin: the base class of a plugin instance, and the macro that makes a shared object of it.
//
//   class MemoryKeyManager final : public signet::Plugin, public signet::KeyManager { ... };
//
//   // entry.cc
//   SIGNET_PLUGIN_NOTE("name=keymanager-memory\0abi=1.0\0services=signet.key_manager/1\0needs=");
//   constexpr signet_service_ref kServices[] = {{SIGNET_KEY_MANAGER, 0, 0}};
//   constexpr const char* kNeeds[] = {nullptr};
//   SIGNET_PLUGIN_DEFINE(MemoryKeyManager, "keymanager-memory", kServices, kNeeds, kSchema, 0)
//
// T needs `T(Host, std::string name)` and `static const void* service(std::string_view id)`,
// which returns the C table for a service id (key_manager.h etc. make them) or nullptr.
// No exception leaves the thunks.
#pragma once

#include <exception>
#include <string>
#include <string_view>

#include "signet/abi/base.h"
#include "signet/host.h"
#include "signet/status.h"

namespace signet {

// The callee's view of one call.
class Call {
 public:
  explicit Call(signet_call* call) : call_(call) {}
  signet_call* abi() const { return call_; }
  int64_t deadline_ns() const { return call_->deadline_ns; }
  bool cancelled() const { return call_->ops->cancelled(call_) != 0; }
  /// fn(arg) is called once when the call is cancelled, at once if it was; nullptr takes it back
  /// and waits until fn does not run. From any thread.
  void on_cancel(void (*fn)(void*), void* arg) const { call_->ops->on_cancel(call_, fn, arg); }
  /// Hands a result struct to the caller, which copies it. False: the caller lags or is gone.
  template <typename T>
  bool emit(uint32_t kind, const T& message) const {
    return call_->ops->emit(call_, kind, &message, sizeof(T)) == SIGNET_OK;
  }
  bool emit_bytes(uint32_t kind, std::string_view bytes) const {
    return call_->ops->emit(call_, kind, bytes.data(), bytes.size()) == SIGNET_OK;
  }
  void note(std::string_view json_pointer, std::string_view message, bool error) const {
    emit(SIGNET_KIND_NOTE,
         signet_note{sizeof(signet_note), error ? 1u : 0u, to_abi(json_pointer), to_abi(message)});
  }
  /// An error of validate() or configure(), noted at the setting that its field "pointer" names (a
  /// JSON pointer): it is shown with the file and line.
  Status noted(Status status) const {
    std::string_view pointer;
    for (const auto& [key, value] : status.fields()) {
      if (key == "pointer") pointer = value;
    }
    note(pointer, status.message(), true);
    return status;
  }
  /// What a synchronous function returns: the code, with words and detail handed over.
  signet_status result(const Status& status) const {
    if (status.ok()) return SIGNET_OK;
    if (const ErrorDetail* detail = status.detail()) {
      emit(SIGNET_KIND_ERROR_DETAIL,
           signet_error_detail{sizeof(signet_error_detail), 0, to_abi(detail->type_url),
                               bytes_to_abi(detail->value)});
    }
    return call_->ops->fail(call_, static_cast<signet_status>(status.code()),
                            to_abi(status.message()));
  }
  /// Ends a call that returned PENDING.
  void complete(const Status& status) const { call_->ops->complete(call_, result(status)); }

 private:
  signet_call* call_;
};

class Plugin {
 public:
  Plugin(Host host, std::string name) : host_(std::move(host)), name_(std::move(name)) {}
  Plugin(const Plugin&) = delete;
  Plugin& operator=(const Plugin&) = delete;
  virtual ~Plugin() = default;

  /// No effects, no network. `config` is canonical JSON, already checked against the schema.
  virtual Status validate(Call&, std::string_view config) {
    (void)config;
    return {};
  }
  /// Atomic: on an error the old configuration stays. May come again while running.
  virtual Status configure(Call&, std::string_view config) = 0;
  virtual Status start(Call&) { return {}; }
  virtual Status drain(Call&) { return {}; }
  virtual Status stop(Call&) { return {}; }

  const Host& host() const { return host_; }
  const std::string& name() const { return name_; }

 private:
  Host host_;
  std::string name_;  // as in the configuration: "disk"
};

inline signet_instance* to_abi(Plugin* plugin) {
  return reinterpret_cast<signet_instance*>(plugin);
}
/// The object behind an instance handle. T must be the very class given to SIGNET_PLUGIN_DEFINE
/// or one of its bases that derives from Plugin.
template <typename T>
T& plugin_cast(signet_instance* instance) {
  return static_cast<T&>(*reinterpret_cast<Plugin*>(instance));
}

/// Runs fn() -> Status and gives what the ABI wants; an exception becomes INTERNAL.
template <typename F>
signet_status guarded(signet_call* call, F&& fn) noexcept {
  try {
    return Call(call).result(fn());
  } catch (const std::exception& e) {
    return call->ops->fail(call, SIGNET_INTERNAL, to_abi(std::string_view(e.what())));
  } catch (...) {
    return call->ops->fail(call, SIGNET_INTERNAL, to_abi(std::string_view("unknown exception")));
  }
}

template <typename T>
struct PluginThunks {
  static signet_status create(const signet_host* host, signet_str name, signet_instance** out) {
    try {
      *out = to_abi(static_cast<Plugin*>(new T(Host(host), std::string(view(name)))));
      return SIGNET_OK;
    } catch (...) {
      return SIGNET_INTERNAL;
    }
  }
  static const void* get_service(signet_instance*, const char* id) { return T::service(id); }
  static signet_status validate(signet_instance* i, signet_call* c, signet_bytes json) {
    return guarded(c, [&] {
      Call call(c);
      return plugin_cast<Plugin>(i).validate(call, view(json));
    });
  }
  static signet_status configure(signet_instance* i, signet_call* c, signet_bytes json) {
    return guarded(c, [&] {
      Call call(c);
      return plugin_cast<Plugin>(i).configure(call, view(json));
    });
  }
  static signet_status start(signet_instance* i, signet_call* c) {
    return guarded(c, [&] {
      Call call(c);
      return plugin_cast<Plugin>(i).start(call);
    });
  }
  static signet_status drain(signet_instance* i, signet_call* c) {
    return guarded(c, [&] {
      Call call(c);
      return plugin_cast<Plugin>(i).drain(call);
    });
  }
  static signet_status stop(signet_instance* i, signet_call* c) {
    return guarded(c, [&] {
      Call call(c);
      return plugin_cast<Plugin>(i).stop(call);
    });
  }
  static void destroy(signet_instance* i) { delete &plugin_cast<Plugin>(i); }
};

#ifndef SIGNET_VERSION
#define SIGNET_VERSION "0.1.0"
#endif

}  // namespace signet

#define SIGNET_PLUGIN_DEFINE(T, plugin_name, services_array, needs_array, schema_text,         \
                             plugin_flags)                                                     \
  extern "C" const signet_plugin* signet_plugin_entry(uint32_t host_major, uint32_t) {         \
    using Thunks = ::signet::PluginThunks<T>;                                                  \
    static const signet_plugin kPlugin = {sizeof(signet_plugin),                               \
                                          SIGNET_ABI_MAJOR,                                    \
                                          SIGNET_ABI_MINOR,                                    \
                                          (plugin_flags),                                      \
                                          sizeof(services_array) / sizeof(signet_service_ref), \
                                          sizeof(signet_service_ref),                          \
                                          0,                                                   \
                                          plugin_name,                                         \
                                          SIGNET_VERSION,                                      \
                                          "Signet",                                            \
                                          "Apache-2.0",                                        \
                                          "",                                                  \
                                          schema_text,                                         \
                                          services_array,                                      \
                                          needs_array,                                         \
                                          &Thunks::create,                                     \
                                          &Thunks::get_service,                                \
                                          &Thunks::validate,                                   \
                                          &Thunks::configure,                                  \
                                          &Thunks::start,                                      \
                                          &Thunks::drain,                                      \
                                          &Thunks::stop,                                       \
                                          &Thunks::destroy};                                   \
    return host_major == SIGNET_ABI_MAJOR ? &kPlugin : nullptr;                                \
  }                                                                                            \
  static_assert(true, "a semicolon may follow")
