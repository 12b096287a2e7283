// A role for the kernel's own tests: one block `test`, plugins of type Widget, a command word.
#include "signet/abi/role.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <unistd.h>

#include "signet/abi/host.h"

SIGNET_PLUGIN_NOTE(
    "name=role-test\0abi=1.0\0services=signet.role/1,signet.command/1\0commands=testd,test-alias");

struct signet_instance {
  const signet_host* host;
  std::string trace;
  std::string on_start;
  std::string write;
};

namespace {

const char kDescription[] = R"({
  "block": "test", "scope": "test", "share": ["realm"], "drain_seconds": 2, "confine_writes": true,
  "types": {"Widget": {"service": "test.widget/1", "min": 1, "max": 4},
            "Base": {"service": "test.base/1", "reread": false}, "Loop": {"service": "test.loop/1", "max": 1}},
  "defaults": [{"type": "Widget", "name": "other", "settings": "extra", "when": "on"}],
  "later": {"Gadget": "no Gadget plugin exists yet"},
  "valid_text": "test configuration file is valid.", "invalid_text": "test configuration file is invalid:"})";

const char kSchema[] =
    R"({"type": "object", "additionalProperties": false, "required": ["test"], "properties": {
  "extra": {"type": "object"},
  "test": {"type": "object", "additionalProperties": false, "required": ["realm"], "properties": {
    "realm": {"type": "string"}, "trace": {"type": "string"}, "on_start": {"type": "string"},
    "write": {"type": "string"},
    "log_level": {"type": "string", "default": "info"}, "log_file": {"type": "string"},
    "log_format": {"type": "string"}, "port": {"type": "integer"}}}}})";

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
    std::fprintf(file, "role %s\n", step);
    std::fclose(file);
  }
}

void say(const signet_host* host, uint32_t level, const char* text) {
  const auto* log = static_cast<const signet_host_log*>(host->get_service(host, SIGNET_HOST_LOG));
  log->write(host, level, {text, std::strlen(text)}, nullptr, 0);
}

signet_status create(const signet_host* host, signet_str, signet_instance** out) {
  if (const char* log = std::getenv("SIGNET_TEST_CREATED")) {  // for who wants to count
    if (std::FILE* file = std::fopen(log, "a")) {
      std::fputs("created\n", file);
      std::fclose(file);
    }
  }
  *out = new signet_instance{host, {}, {}, {}};
  return SIGNET_OK;
}

signet_status configure(signet_instance* self, signet_call*, signet_bytes json) {
  const std::string config(reinterpret_cast<const char*>(json.ptr), json.len);
  self->trace = setting(config, "trace");
  self->on_start = setting(config, "on_start");
  self->write = setting(config, "write");
  const auto* files =
      static_cast<const signet_host_files*>(self->host->get_service(self->host, SIGNET_HOST_FILES));
  if (!self->trace.empty())
    files->will_write(self->host, {self->trace.data(), self->trace.size()}, SIGNET_WRITES_FILE);
  trace(self, "configure");
  return SIGNET_OK;
}

signet_status start(signet_instance* self, signet_call* call) {
  trace(self, "start");
  const auto get = [&](const char* id) { return self->host->get_service(self->host, id); };
  const auto* health = static_cast<const signet_host_health*>(get(SIGNET_HOST_HEALTH));
  health->set(self->host, {"test", 4}, 1, 1, {nullptr, 0});
  if (!self->write.empty()) {
    std::FILE* file = std::fopen(self->write.c_str(), "w");
    say(self->host, SIGNET_LOG_INFO,
        file != nullptr ? "It could be written" : std::strerror(errno));
    if (file != nullptr) std::fclose(file);
  }
  say(self->host, SIGNET_LOG_INFO, "Role runs");
  say(self->host, SIGNET_LOG_DEBUG, "Only when debugging");
  if (self->on_start == "quit" || self->on_start == "quit and give up") {
    const auto* lifecycle = static_cast<const signet_host_lifecycle*>(get(SIGNET_HOST_LIFECYCLE));
    lifecycle->quit(self->host, 3, {"told to quit", 12});
    if (self->on_start != "quit") return SIGNET_CANCELLED;
  }
  if (self->on_start == "scope") {
    const auto* supervisor =
        static_cast<const signet_host_supervisor*>(get(SIGNET_HOST_SUPERVISOR));
    const std::string inner = R"({"test":{"realm":"inner","trace":")" + self->trace +
                              R"("},"plugins":{"Widget":{"good":{"plugin_data":{"trace":")" +
                              self->trace + R"("}}}}})";
    const signet_status started =
        supervisor->start_scope(self->host, call, {"role-test", 9}, {"inner", 5},
                                {reinterpret_cast<const uint8_t*>(inner.data()), inner.size()});
    if (started == SIGNET_OK) say(self->host, SIGNET_LOG_INFO, "The other scope is up");
    return started;
  }
  return SIGNET_OK;
}

signet_status drain(signet_instance* self, signet_call*) {
  trace(self, "drain");
  return SIGNET_OK;
}
signet_status stop(signet_instance* self, signet_call*) {
  trace(self, "stop");
  return SIGNET_OK;
}
void destroy(signet_instance* self) { delete self; }

signet_str describe() { return {kDescription, sizeof(kDescription) - 1}; }
const signet_role kRole = {sizeof(signet_role), 0, describe};

signet_status run(signet_instance* self, signet_call* call, const signet_str* argv, size_t argc,
                  const int32_t fds[3], int32_t* exit_code) {
  const auto word = [&](size_t i) {
    return i < argc ? std::string(argv[i].ptr, argv[i].len) : std::string();
  };
  if (word(1) == "run" || word(1) == "validate") {
    signet_run_plan plan{};
    plan.struct_size = sizeof plan;
    plan.validate_only = word(1) == "validate" ? 1 : 0;
    const std::string path = word(2);
    const std::string overrides = word(3);
    plan.config_path = {path.data(), path.size()};
    plan.overrides = {reinterpret_cast<const uint8_t*>(overrides.data()), overrides.size()};
    call->ops->emit(call, SIGNET_KIND_RUN_PLAN, &plan, sizeof plan);
    return SIGNET_OK;
  }
  if (word(1) == "wait") {
    if (write(fds[1], "waiting\n", 8) < 0) return SIGNET_INTERNAL;
    while (word(2) == "deaf" || call->ops->cancelled(call) == 0) usleep(10'000);
    return SIGNET_CANCELLED;
  }
  std::string text = word(0) + ":" + word(1) + "\n";
  if (write(fds[1], text.data(), text.size()) < 0) return SIGNET_INTERNAL;
  static_cast<void>(self);
  *exit_code = 7;
  return SIGNET_OK;
}
const signet_command kCommand = {sizeof(signet_command), 0, run};

const void* get_service(signet_instance*, const char* id) {
  if (std::strcmp(id, SIGNET_ROLE) == 0) return &kRole;
  if (std::strcmp(id, SIGNET_COMMAND) == 0) return &kCommand;
  return nullptr;
}

const signet_service_ref kServices[] = {{SIGNET_ROLE, 0, 0}, {SIGNET_COMMAND, 0, 0}};
const signet_plugin kPlugin = {sizeof(signet_plugin),
                               1,
                               0,
                               SIGNET_PLUGIN_MULTI_INSTANCE,
                               2,
                               sizeof(signet_service_ref),
                               0,
                               "role-test",
                               "1.0.0",
                               "test",
                               "Apache-2.0",
                               "",
                               kSchema,
                               kServices,
                               nullptr,
                               create,
                               get_service,
                               nullptr,
                               configure,
                               start,
                               drain,
                               stop,
                               destroy};

}  // namespace

extern "C" const signet_plugin* signet_plugin_entry(uint32_t, uint32_t) { return &kPlugin; }
