// The host services of signet/abi/host.h, one table each; what host->get_service finds.
#pragma once

#include "signet/abi/host.h"

#define SIGNET_KERNEL_VERSION "0.1.0"

namespace signet::kernel {

class Instance;

/// host->get_service: the kernel's own tables, then the system plugins'.
const void* host_get_service(const signet_host* host, const char* id);
/// Is `id` one of the kernel's own?
bool kernel_offers(const char* id);

/// Who calls.
Instance& caller_of(const signet_host* host);

extern const signet_host_log kHostLog;
extern const signet_host_clock kHostClock;
extern const signet_host_timer kHostTimer;
extern const signet_host_executor kHostExecutor;
extern const signet_host_blob kHostBlob;
extern const signet_host_secret kHostSecret;
extern const signet_host_health kHostHealth;
extern const signet_host_metrics kHostMetrics;
extern const signet_host_config kHostConfig;
extern const signet_host_services kHostServices;
extern const signet_host_files kHostFiles;
extern const signet_host_lifecycle kHostLifecycle;
extern const signet_host_supervisor kHostSupervisor;

}  // namespace signet::kernel
