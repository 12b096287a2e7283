#include "host/host_table.h"

#include <cstring>

#include "life/instance.h"
#include "life/scope.h"

namespace signet::kernel {
namespace {

struct Row {
  const char* id;
  const void* table;
};

constexpr Row kRows[] = {
    {SIGNET_HOST_LOG, &kHostLog},
    {SIGNET_HOST_CLOCK, &kHostClock},
    {SIGNET_HOST_TIMER, &kHostTimer},
    {SIGNET_HOST_EXECUTOR, &kHostExecutor},
    {SIGNET_HOST_BLOB, &kHostBlob},
    {SIGNET_HOST_SECRET, &kHostSecret},
    {SIGNET_HOST_HEALTH, &kHostHealth},
    {SIGNET_HOST_METRICS, &kHostMetrics},
    {SIGNET_HOST_CONFIG, &kHostConfig},
    {SIGNET_HOST_SERVICES, &kHostServices},
    {SIGNET_HOST_FILES, &kHostFiles},
    {SIGNET_HOST_LIFECYCLE, &kHostLifecycle},
    {SIGNET_HOST_SUPERVISOR, &kHostSupervisor},
};

const void* kernel_table(const char* id) {
  for (const Row& row : kRows) {
    if (std::strcmp(row.id, id) == 0) return row.table;
  }
  return nullptr;
}

}  // namespace

Instance& caller_of(const signet_host* host) { return *static_cast<Instance*>(host->impl); }

bool kernel_offers(const char* id) { return kernel_table(id) != nullptr; }

const void* host_get_service(const signet_host* host, const char* id) {
  if (host == nullptr || id == nullptr) return nullptr;
  if (const void* table = kernel_table(id)) return table;
  if (std::strncmp(id, "signet.host.", 12) != 0) return nullptr;
  for (const auto& instance : caller_of(host).scope().process().system()->instances()) {
    if (const void* table = instance->service(id)) return table;
  }
  return nullptr;
}

}  // namespace signet::kernel
