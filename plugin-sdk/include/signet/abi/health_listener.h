/* health_listener.h: "signet.health_listener/1", tells whoever asks whether the scope lives and is
 * ready. It has no functions: it is configured, started and drained, and asks its host
 * (signet.host.health/1) each time. */
#ifndef SIGNET_ABI_HEALTH_LISTENER_H
#define SIGNET_ABI_HEALTH_LISTENER_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SIGNET_HEALTH_LISTENER "signet.health_listener/1"

typedef struct signet_health_listener {
  uint32_t struct_size;
  uint32_t reserved;
} signet_health_listener;

#ifdef __cplusplus
}
#endif
#endif
