// A plugin for the kernel's own tests, written against the C headers alone. Compile
// definitions make its variants (CMakeLists.txt); its configuration tells it how to misbehave:
//   {"trace": FILE, "fail_in": STEP, "throw_in": STEP, "hang_in": STEP, "reject": true}
// Each life cycle step appends "NAME STEP" to the trace file, so that tests can read the order.
#include <atomic>
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <string>
#include <thread>
#include <unistd.h>

#include "signet/abi/host.h"

#ifndef PLUGIN_NAME
#define PLUGIN_NAME "widget-good"
#endif
#ifndef NOTE_NAME
#define NOTE_NAME PLUGIN_NAME
#endif
#ifndef PLUGIN_MAJOR
#define PLUGIN_MAJOR 1
#endif
#ifndef PLUGIN_MINOR
#define PLUGIN_MINOR 0
#endif
#ifndef NOTE_ABI
#define NOTE_ABI "1.0"
#endif
#ifndef PLUGIN_SERVICE
#define PLUGIN_SERVICE "test.widget/1"
#endif
#if PLUGIN_MINOR > 0
#define NOTE_SERVICES PLUGIN_SERVICE ",test.later/1"
#else
#define NOTE_SERVICES PLUGIN_SERVICE
#endif
#ifdef PLUGIN_NEED
#define NOTE_NEEDS "\0needs=" PLUGIN_NEED
#else
#define NOTE_NEEDS ""
#endif

#include "widget.h"

#ifndef NO_NOTE
SIGNET_PLUGIN_NOTE("name=" NOTE_NAME "\0abi=" NOTE_ABI "\0services=" NOTE_SERVICES NOTE_NEEDS);
#endif

struct signet_instance {
  const signet_host* host;
  std::string name;
  std::string config;
  std::string trace;
};

namespace {

// Enough of JSON for the flat configuration that the kernel hands over.
std::string setting(const std::string& config, const char* key) {
  const std::string mark = std::string("\"") + key + "\":\"";
  const auto at = config.find(mark);
  if (at == std::string::npos) return {};
  const auto end = config.find('"', at + mark.size());
  return config.substr(at + mark.size(), end - at - mark.size());
}

void trace(const signet_instance* self, const char* step) {
  if (self->trace.empty()) return;
  if (std::FILE* file = std::fopen(self->trace.c_str(), "a")) {
    std::fprintf(file, "%s %s\n", self->name.c_str(), step);
    std::fclose(file);
  }
}

signet_status words(signet_call* call, signet_status code, const char* text) {
  return call->ops->fail(call, code, {text, std::strlen(text)});
}

signet_status step(signet_instance* self, signet_call* call, const char* name) {
  trace(self, name);
  if (setting(self->config, "throw_in") == name) throw std::runtime_error("boom");
  if (setting(self->config, "fail_in") == name)
    return words(call, SIGNET_FAILED_PRECONDITION, "told to fail");
  if (setting(self->config, "hang_in") == name) {
    while (call->ops->cancelled(call) == 0) usleep(10'000);
    return words(call, SIGNET_CANCELLED, "gave up");
  }
  return SIGNET_OK;
}

signet_status create(const signet_host* host, signet_str name, signet_instance** out) {
  *out = new signet_instance{host, std::string(name.ptr, name.len), {}, {}};
  return SIGNET_OK;
}

signet_status validate(signet_instance* self, signet_call* call, signet_bytes json) {
  const std::string config(reinterpret_cast<const char*>(json.ptr), json.len);
  if (setting(config, "trace").empty() && config.find("\"reject\":true") == std::string::npos)
    return SIGNET_OK;
  if (config.find("\"reject\":true") == std::string::npos) return SIGNET_OK;
  static_cast<void>(self);
  signet_note note{sizeof(signet_note), 1, {"/reject", 7}, {"is not wanted here", 18}};
  call->ops->emit(call, SIGNET_KIND_NOTE, &note, sizeof note);
  return SIGNET_INVALID_ARGUMENT;
}

signet_status configure(signet_instance* self, signet_call* call, signet_bytes json) {
  const std::string before = self->config;
  self->config.assign(reinterpret_cast<const char*>(json.ptr), json.len);
  self->trace = setting(self->config, "trace");
  const auto* files =
      static_cast<const signet_host_files*>(self->host->get_service(self->host, SIGNET_HOST_FILES));
  if (files != nullptr && !self->trace.empty())
    files->will_write(self->host, {self->trace.data(), self->trace.size()}, SIGNET_WRITES_FILE);
  const signet_status status = step(self, call, "configure");
  if (status != SIGNET_OK && !before.empty()) self->config = before;
  return status;
}

signet_status start(signet_instance* self, signet_call* call) { return step(self, call, "start"); }
signet_status drain(signet_instance* self, signet_call* call) { return step(self, call, "drain"); }
signet_status stop(signet_instance* self, signet_call* call) { return step(self, call, "stop"); }
void destroy(signet_instance* self) {
  trace(self, "destroy");
  delete self;
}

signet_status poke(signet_instance* self, signet_call* call, signet_str how) {
  const std::string word(how.ptr, how.len);
  if (word == "config") {
    call->ops->emit(call, 1, self->config.data(), self->config.size());
    return SIGNET_OK;
  }
  if (word == "echo") {
    call->ops->emit(call, 1, "echo", 4);
    return SIGNET_OK;
  }
  if (word == "fail") return words(call, SIGNET_NOT_FOUND, "no such widget");
  if (word == "pending") {
    std::thread([call] {
      call->ops->emit(call, 1, "later", 5);
      call->ops->complete(call, SIGNET_OK);
    }).detach();
    return SIGNET_PENDING;
  }
  if (word == "double") {
    std::thread([call] {
      call->ops->complete(call, SIGNET_OK);
      call->ops->complete(call, SIGNET_INTERNAL);
      call->ops->emit(call, 1, "late", 4);
    }).detach();
    return SIGNET_PENDING;
  }
  if (word == "never") {
    static std::atomic<signet_call*> kept;  // held on to, as a plugin that hangs would
    kept = call;
    return SIGNET_PENDING;
  }
  return SIGNET_UNIMPLEMENTED;
}

const test_widget kWidget = {sizeof(test_widget), 0, poke};

#if PLUGIN_MINOR > 0  // what a later minor has added to the ends of things
struct ServiceRef {
  signet_service_ref known;
  const char* added = "a service's new field";
};
struct Plugin {
  signet_plugin known;
  const char* added = "the descriptor's new field";
};
#else
struct ServiceRef {
  signet_service_ref known;
};
struct Plugin {
  signet_plugin known;
};
#endif

const ServiceRef kServices[] = {
    {{PLUGIN_SERVICE, 0, 0}},
#if PLUGIN_MINOR > 0
    {{"test.later/1", 0, 0}},
#endif
};
const void* get_service(signet_instance*, const char* id) {
  for (const ServiceRef& ref : kServices) {
    if (std::strcmp(id, ref.known.id) == 0) return &kWidget;
  }
  return nullptr;
}

#ifdef PLUGIN_NEED
const char* const kNeeds[] = {PLUGIN_NEED, nullptr};
#else
const char* const* const kNeeds = nullptr;
#endif

const Plugin kPlugin = {{sizeof(Plugin),
                         PLUGIN_MAJOR,
                         PLUGIN_MINOR,
                         SIGNET_PLUGIN_MULTI_INSTANCE,
                         sizeof(kServices) / sizeof(kServices[0]),
                         sizeof(ServiceRef),
                         0,
                         PLUGIN_NAME,
                         "1.0.0",
                         "test",
                         "Apache-2.0",
                         "",
                         R"({"type": "object", "additionalProperties": false, "properties": {
          "trace": {"type": "string"}, "fail_in": {"type": "string"}, "throw_in": {"type": "string"},
          "hang_in": {"type": "string"}, "colour": {"type": "string"}, "reject": {"type": "boolean"},
          "on": {"type": "boolean"}}})",
                         &kServices[0].known,
                         kNeeds,
                         create,
                         get_service,
                         validate,
                         configure,
                         start,
                         drain,
                         stop,
                         destroy}};

}  // namespace

#ifdef NO_ENTRY
extern "C" SIGNET_EXPORT const signet_plugin* other_entry() { return &kPlugin.known; }
#else
extern "C" const signet_plugin* signet_plugin_entry(uint32_t, uint32_t) {
#ifdef THROWING_ENTRY
  throw std::runtime_error("boom");
#endif
  return &kPlugin.known;
}
#endif
#ifdef EXTRA_EXPORT
extern "C" SIGNET_EXPORT int extra_export() { return 1; }
#endif
