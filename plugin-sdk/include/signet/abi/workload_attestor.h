/* workload_attestor.h: "signet.workload_attestor/1", what a local process is. */
#ifndef SIGNET_ABI_WORKLOAD_ATTESTOR_H
#define SIGNET_ABI_WORKLOAD_ATTESTOR_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SIGNET_WORKLOAD_ATTESTOR "signet.workload_attestor/1"

#define SIGNET_KIND_SELECTORS 1u /* signet_selectors; may come more than once */

typedef struct signet_selectors {
  uint32_t struct_size;
  uint32_t reserved;
  /* "uid:1000": the type is the plugin's name. None is empty or holds a NUL. */
  const signet_str *values;
  size_t count;
} signet_selectors;

typedef struct signet_workload_peer {
  uint32_t struct_size;
  int32_t pid;
  int32_t pidfd; /* of that very process; borrowed; -1 when the kernel has none */
  uint32_t uid;  /* by SO_PEERCRED when the connection was made */
  uint32_t gid;
  uint32_t reserved;
  uint64_t start_time; /* field 22 of /proc/PID/stat */
} signet_workload_peer;

typedef struct signet_workload_attestor {
  uint32_t struct_size;
  uint32_t reserved;
  /* Emits SELECTORS, each value once; none is not an error. The caller checks before and after
   * that the process is still the same one. Of what the plugin itself reads by the pid, it shows
   * that it is that process's, by pidfd or start_time: the number may have passed on. */
  signet_status (*attest)(signet_instance *, signet_call *, const signet_workload_peer *); /* [worker] */
} signet_workload_attestor;

#ifdef __cplusplus
}
#endif
#endif
