/* role.h: "signet.role/1" and "signet.command/1": what a role tells the kernel about itself.
 *
 * A role is a plugin like any other: configure, start, drain, stop. Its configuration file's
 * top-level blocks (all but `plugins`) are its configuration, checked by its schema. */
#ifndef SIGNET_ABI_ROLE_H
#define SIGNET_ABI_ROLE_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SIGNET_ROLE "signet.role/1"
#define SIGNET_COMMAND "signet.command/1"

/* JSON, for example
 *   {"block": "server", "scope": "server", "default_config": "conf/server/server.conf",
 *    "share": ["trust_domain", "data_dir"],
 *    "types": {"KeyManager":   {"service": "signet.key_manager/1", "min": 1, "max": 1},
 *              "NodeAttestor": {"service": "signet.node_attestor.server/1", "min": 0}},
 *    "later": {"Notifier": "no Notifier plugin exists yet"},
 *    "defaults": [{"type": "NodeAttestor", "name": "join_token"}],
 *    "drain_seconds": 10,
 *    "capabilities": ["net_bind_service"],
 *    "confine_writes": true}
 * block: the top-level block that names the role in a file and holds log_level, log_file,
 * log_format. types: the plugin blocks; `Type "some_name"` loads <type in lower case>-some-name.so
 * unless plugin_cmd says another. share: keys of the block given to all plugins of the scope.
 * A type with "reread": false keeps its data when SIGUSR1 has the plugin_data_files read again.
 * defaults: plugins that are there without being written down; one with "settings": "BLOCK", "when": "KEY" has that
 * top-level block for its settings, and is there when KEY of it is true.
 * later: block types that are accepted with one warning that gives the reason.
 * capabilities: those of capabilities(7) that a process of this role keeps if it has them; it
 * gives up all others before it reads its file. confine_writes: once all are configured the process
 * writes only where its plugins said (host.h, signet.host.files). Not for a role that looks into
 * other processes: Landlock forbids it that too. */
typedef struct signet_role {
  uint32_t struct_size;
  uint32_t reserved;
  signet_str (*describe)(void); /* [any] static text */
} signet_role;

/* Emitted by run(): "do the life cycle with this file". */
#define SIGNET_KIND_RUN_PLAN 1u
typedef struct signet_run_plan {
  uint32_t struct_size;
  uint32_t expand_env;
  signet_str config_path;    /* absent: no file, overrides alone */
  signet_bytes overrides;    /* JSON merge patch from the command line; may be absent */
  uint32_t validate_only;    /* check the file, print, exit */
  uint32_t reserved;
} signet_run_plan;

/* A command runs on an instance that was created but not configured. argv[0] is the command
 * word. If a RUN_PLAN was emitted the kernel goes on with it, else the process ends with
 * *exit_code. Host services log, clock, secret, blob, executor and the system services are there. */
typedef struct signet_command {
  uint32_t struct_size;
  uint32_t reserved;
  signet_status (*run)(signet_instance *, signet_call *, const signet_str *argv, size_t argc,
                       const int32_t fds[3], int32_t *exit_code); /* [worker] */
} signet_command;

#ifdef __cplusplus
}
#endif
#endif
