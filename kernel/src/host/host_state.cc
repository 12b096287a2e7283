// signet.host.health, .metrics, .config, .files, .lifecycle, .supervisor.
#include <algorithm>
#include <filesystem>
#include <map>
#include <string>

#include "host/host_table.h"
#include "life/config_file.h"
#include "life/instance.h"
#include "life/scope.h"
#include "life/supervisor.h"

namespace signet::kernel {
namespace {

std::string text_of(signet_str s) { return s.ptr ? std::string(s.ptr, s.len) : std::string(); }

void health_set(const signet_host* host, signet_str subsystem, std::uint32_t live,
                std::uint32_t ready, signet_str details_json) {
  caller_of(host).scope().set_health(text_of(subsystem),
                                     {live != 0, ready != 0, text_of(details_json)});
}

std::uint32_t health_ready(const signet_host* host) {
  return caller_of(host).scope().ready() ? 1 : 0;
}

void metrics_record(const signet_host* host, std::uint32_t kind, signet_str name, double value,
                    const signet_field* labels, size_t n) {
  std::string key = text_of(name);
  constexpr std::size_t kMaxLabels = 16;
  for (std::size_t i = 0; i < n && i < kMaxLabels; ++i) {
    key += i == 0 ? '{' : ',';
    key += text_of(labels[i].key) + "=" + text_of(labels[i].text);
  }
  if (n > 0) key += '}';
  caller_of(host).scope().process().metrics().record(kind, key, value);
}

signet_str config_locate(const signet_host* host, signet_str pointer) {
  const std::string_view found = caller_of(host).locate(text_of(pointer));
  return {found.data(), found.size()};
}

signet_bytes config_shared(const signet_host* host) {
  const std::string& shared = caller_of(host).scope().shared();
  return {reinterpret_cast<const std::uint8_t*>(shared.data()), shared.size()};
}

signet_status config_read_file(const signet_host* host, signet_str path, std::uint32_t expand_env,
                               signet_blob** out) {
  *out = nullptr;
  const Result<std::string> json = read_config_file(text_of(path), expand_env != 0);
  const std::string& text = json ? *json : json.status().message();
  const signet_bytes bytes = {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
  const signet_status kept = kHostBlob.create(host, bytes, SIGNET_BLOB_SECRET, out);
  return json ? kept : static_cast<signet_status>(json.status().code());
}

signet_status files_will_write(const signet_host* host, signet_str path, std::uint32_t what) {
  const std::filesystem::path named = text_of(path);
  Writes& writes = caller_of(host).scope().process().writes();
  const bool taken = what == SIGNET_WRITES_FOLDER ? writes.add(named) : writes.add_file(named);
  return taken ? SIGNET_OK : SIGNET_FAILED_PRECONDITION;
}

void lifecycle_quit(const signet_host* host, std::int32_t code, signet_str reason) {
  caller_of(host).scope().process().quit(code, text_of(reason));
}

signet_status supervisor_start(const signet_host* host, signet_call* call, signet_str role,
                               signet_str scope, signet_bytes config_json) {
  const std::string_view json(reinterpret_cast<const char*>(config_json.ptr), config_json.len);
  const Status done = caller_of(host).scope().process().supervisor().start_scope(
      text_of(role), text_of(scope), json);
  if (done.ok()) return SIGNET_OK;
  const std::string& text = done.message();
  return call->ops->fail(call, static_cast<signet_status>(done.code()), {text.data(), text.size()});
}

signet_status supervisor_stop(const signet_host* host, signet_call* call, signet_str scope) {
  const Status done = caller_of(host).scope().process().supervisor().stop_scope(text_of(scope));
  if (done.ok()) return SIGNET_OK;
  const std::string& text = done.message();
  return call->ops->fail(call, static_cast<signet_status>(done.code()), {text.data(), text.size()});
}

}  // namespace

const signet_host_health kHostHealth = {sizeof(signet_host_health), 0, &health_set, &health_ready};
const signet_host_metrics kHostMetrics = {sizeof(signet_host_metrics), 0, &metrics_record};
const signet_host_config kHostConfig = {sizeof(signet_host_config), 0, &config_locate,
                                        &config_shared, &config_read_file};
const signet_host_files kHostFiles = {sizeof(signet_host_files), 0, &files_will_write};
const signet_host_lifecycle kHostLifecycle = {sizeof(signet_host_lifecycle), 0, &lifecycle_quit};
const signet_host_supervisor kHostSupervisor = {sizeof(signet_host_supervisor), 0,
                                                &supervisor_start, &supervisor_stop};

}  // namespace signet::kernel
