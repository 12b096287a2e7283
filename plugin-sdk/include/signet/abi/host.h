/* host.h: the services a host offers every plugin instance, by host->get_service(host, id).
 * Each function takes the caller's `const signet_host *` first, so the provider knows who asks.
 * An id may be absent (NULL): a plugin that cannot live without it names it in `needs`. */
#ifndef SIGNET_ABI_HOST_H
#define SIGNET_ABI_HOST_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- signet.host.log/1: constant message, typed fields. */
#define SIGNET_HOST_LOG "signet.host.log/1"
#define SIGNET_LOG_TRACE 0
#define SIGNET_LOG_DEBUG 1
#define SIGNET_LOG_INFO 2
#define SIGNET_LOG_WARN 3
#define SIGNET_LOG_ERROR 4
#define SIGNET_LOG_FATAL 5 /* logged, nothing else: ending the process is lifecycle.fatal */
#define SIGNET_FIELD_TEXT 0
#define SIGNET_FIELD_NUMBER 1
#define SIGNET_FIELD_DURATION_NS 2
#define SIGNET_FIELD_TIME_S 3 /* Unix seconds, written as RFC 3339 */
typedef struct signet_field {
  signet_str key;
  signet_str text;
  int64_t number;
  uint32_t type;
  uint32_t reserved;
} signet_field;
typedef struct signet_host_log {
  uint32_t struct_size;
  uint32_t reserved;
  uint32_t (*enabled)(const signet_host *, uint32_t level); /* [nonblock] one atomic read */
  void (*write)(const signet_host *, uint32_t level, signet_str message, const signet_field *, size_t n); /* [any] */
  /* The level of the caller's scope: now and at launch; set_level with level = UINT32_MAX resets. */
  uint32_t (*level)(const signet_host *, uint32_t *launch); /* [any] */
  void (*set_level)(const signet_host *, uint32_t level);   /* [any] */
} signet_host_log;

/* ---- signet.host.clock/1: fakeable in tests. */
#define SIGNET_HOST_CLOCK "signet.host.clock/1"
typedef struct signet_host_clock {
  uint32_t struct_size;
  uint32_t reserved;
  int64_t (*monotonic_ns)(const signet_host *); /* [nonblock] */
  int64_t (*wall_ns)(const signet_host *);      /* [nonblock] since 1970-01-01 UTC */
} signet_host_clock;

/* ---- signet.host.timer/1 */
#define SIGNET_HOST_TIMER "signet.host.timer/1"
typedef struct signet_host_timer {
  uint32_t struct_size;
  uint32_t reserved;
  /* Runs fn(arg) on a worker at deadline_ns (monotonic), then every period_ns if that is > 0
   * (never two runs of one timer at once). Writes a non-zero id. */
  signet_status (*start)(const signet_host *, int64_t deadline_ns, int64_t period_ns,
                         void (*fn)(void *), void *arg, uint64_t *id); /* [any] */
  /* After it returns fn is not running and never runs again, unless called from fn itself. */
  void (*cancel)(const signet_host *, uint64_t id); /* [any] */
} signet_host_timer;

/* ---- signet.host.executor/1: the caller's bounded worker pool. */
#define SIGNET_HOST_EXECUTOR "signet.host.executor/1"
typedef struct signet_host_executor {
  uint32_t struct_size;
  uint32_t reserved;
  /* RESOURCE_EXHAUSTED when the queue is full; fn is not called then. */
  signet_status (*post)(const signet_host *, void (*fn)(void *), void *arg); /* [any] */
} signet_host_executor;

/* ---- signet.host.blob/1: immutable bytes shared by reference (one answer, a thousand streams). */
#define SIGNET_HOST_BLOB "signet.host.blob/1"
#define SIGNET_BLOB_SECRET 1u /* wiped when the last reference goes */
typedef struct signet_blob signet_blob;
typedef struct signet_host_blob {
  uint32_t struct_size;
  uint32_t reserved;
  signet_status (*create)(const signet_host *, signet_bytes copy_of, uint32_t flags, signet_blob **out); /* [any] */
  /* A blob of `size` bytes to be filled through *data before anyone else sees it. */
  signet_status (*allocate)(const signet_host *, size_t size, uint32_t flags, uint8_t **data, signet_blob **out); /* [any] */
  void (*ref)(signet_blob *);                  /* [any] */
  void (*unref)(signet_blob *);                /* [any] */
  signet_bytes (*bytes)(const signet_blob *);  /* [any] valid while a reference is held */
} signet_host_blob;

/* ---- signet.host.secret/1: locked memory, not dumped, not inherited, wiped at the end. */
#define SIGNET_HOST_SECRET "signet.host.secret/1"
typedef struct signet_secret signet_secret;
typedef struct signet_host_secret {
  uint32_t struct_size;
  uint32_t reserved;
  signet_status (*create)(const signet_host *, signet_bytes copy_of, signet_secret **out); /* [any] */
  void (*open)(const signet_secret *, void (*fn)(void *arg, signet_bytes), void *arg);     /* [any] span valid inside fn */
  void (*ref)(signet_secret *);   /* [any] */
  void (*unref)(signet_secret *); /* [any] */
} signet_host_secret;

/* ---- signet.host.health/1: sub-states of the caller's scope. */
#define SIGNET_HOST_HEALTH "signet.host.health/1"
typedef struct signet_host_health {
  uint32_t struct_size;
  uint32_t reserved;
  /* subsystem such as "server.ca"; details: JSON object text, may be absent. Live and ready
   * start false for a subsystem and are and-ed over all of the scope. */
  void (*set)(const signet_host *, signet_str subsystem, uint32_t live, uint32_t ready, signet_str details_json); /* [any] */
  uint32_t (*ready)(const signet_host *); /* [any] of the caller's scope */
} signet_host_health;

/* ---- signet.host.metrics/1: a facade; a sink plugin may or may not listen. */
#define SIGNET_HOST_METRICS "signet.host.metrics/1"
#define SIGNET_METRIC_COUNTER 1
#define SIGNET_METRIC_GAUGE 2
#define SIGNET_METRIC_SAMPLE 3
typedef struct signet_host_metrics {
  uint32_t struct_size;
  uint32_t reserved;
  /* name: keys joined by '.', "rpc.agent.v1.agent.attest_agent"; labels are text fields. */
  void (*record)(const signet_host *, uint32_t kind, signet_str name, double value, const signet_field *labels, size_t n); /* [nonblock] */
} signet_host_metrics;

/* ---- signet.host.config/1: where a setting came from, and what the scope shares. */
#define SIGNET_HOST_CONFIG "signet.host.config/1"
typedef struct signet_host_config {
  uint32_t struct_size;
  uint32_t reserved;
  /* "server.conf:12:3" for a JSON pointer into the caller's configuration; "" if unknown.
   * Valid until the caller's next configure(). */
  signet_str (*locate)(const signet_host *, signet_str json_pointer); /* [any] */
  /* JSON object of the settings that the scope's role shares with all its plugins (for the
   * server and agent roles: trust_domain, data_dir). Valid while the scope runs. */
  signet_bytes (*shared)(const signet_host *); /* [any] */
  /* Another role's configuration file, HCL, JSON or YAML, of which only the syntax is checked:
   *   {"blocks": {"server": {...}}, "plugins": [{"type": "DataStore", "name": "sql", "data": {...}}]}
   * with what plugin_data_file names as `data`. *out: that text, or on an error its words; wiped with
   * its last reference, for there may be passwords in it. Check struct_size: older hosts lack it. */
  signet_status (*read_file)(const signet_host *, signet_str path, uint32_t expand_env, signet_blob **out); /* [worker] */
} signet_host_config;

/* ---- signet.host.services/1: another plugin's service. */
#define SIGNET_HOST_SERVICES "signet.host.services/1"
typedef struct signet_handle signet_handle;
/* Receives the results of a call one has begun. Either function may be NULL. */
typedef struct signet_sink {
  uint32_t struct_size;
  uint32_t reserved;
  void (*on_emit)(void *arg, uint32_t kind, const void *msg, size_t size);    /* [any, serial] msg borrowed */
  void (*on_done)(void *arg, signet_status code, signet_str message);         /* [any] exactly once, last */
} signet_sink;
typedef struct signet_host_services {
  uint32_t struct_size;
  uint32_t reserved;
  /* The service `id` of the instance called `name` ("disk"; absent: the only one, else
   * FAILED_PRECONDITION) in the caller's scope, then in the process. NOT_FOUND if none. */
  signet_status (*acquire)(const signet_host *, const char *id, signet_str name, signet_handle **out); /* [any] */
  void (*release)(signet_handle *); /* [any] */
  /* Names of all instances in scope that offer `id`, each to fn, in configuration order. */
  void (*list)(const signet_host *, const char *id, void (*fn)(void *arg, signet_str name), void *arg); /* [any] */
  /* One call: begin() gives the call object, the instance and the vtable; call the function
   * you want on this very thread (a [worker] function only from a worker), then end() with
   * what it returned. After end() the call belongs to the host; if `returned` was PENDING,
   * sink->on_done comes later, else it has come before end() returns. begin() fails
   * UNAVAILABLE when the instance is stopping. */
  signet_status (*begin)(signet_handle *, int64_t deadline_ns, const signet_sink *, void *arg,
                         signet_call **call, signet_instance **instance, const void **vtable); /* [any] */
  signet_status (*end)(signet_call *, signet_status returned); /* [any] returns the final code or PENDING */
  void (*cancel)(signet_call *); /* [any] of a call that is PENDING, before its on_done */
} signet_host_services;

/* ---- signet.host.files/1: where a plugin writes. A role that asks for it (role.h, confine_writes)
 * runs in a process that can write nowhere else from its start on. */
#define SIGNET_HOST_FILES "signet.host.files/1"
#define SIGNET_WRITES_FILE 0u   /* with what else is in its folder: it is replaced by one made beside it */
#define SIGNET_WRITES_FOLDER 1u /* with all that is below */
typedef struct signet_host_files {
  uint32_t struct_size;
  uint32_t reserved;
  /* Said in configure(), of each path that the caller will write; it need not exist yet.
   * FAILED_PRECONDITION when the process writes only elsewhere already: it takes a restart. */
  signet_status (*will_write)(const signet_host *, signet_str path, uint32_t what); /* [any] */
} signet_host_files;

/* ---- signet.host.lifecycle/1 */
#define SIGNET_HOST_LIFECYCLE "signet.host.lifecycle/1"
typedef struct signet_host_lifecycle {
  uint32_t struct_size;
  uint32_t reserved;
  /* The caller's scope cannot go on: drain, stop and exit with `code`; the first one counts. */
  void (*quit)(const signet_host *, int32_t code, signet_str reason); /* [any] */
} signet_host_lifecycle;

/* ---- signet.host.supervisor/1: for a role that is made of other roles. */
#define SIGNET_HOST_SUPERVISOR "signet.host.supervisor/1"
typedef struct signet_host_supervisor {
  uint32_t struct_size;
  uint32_t reserved;
  /* Runs role `role` (its plugin's name) in a new scope with that configuration (JSON as the
   * role's own file would be). Blocks until started or failed. Scopes stop with the process,
   * in the reverse order of their start. */
  signet_status (*start_scope)(const signet_host *, signet_call *, signet_str role, signet_str scope, signet_bytes config_json); /* [worker] */
  signet_status (*stop_scope)(const signet_host *, signet_call *, signet_str scope); /* [worker] */
} signet_host_supervisor;

#ifdef __cplusplus
}
#endif
#endif
