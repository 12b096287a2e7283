/* base.h: what every plugin and the kernel agree on. Pure C99; the only contract between binaries.
 *
 * Six rules decide the rest:
 *  1. A plugin exports one function, signet_plugin_entry; all else goes by pointer.
 *  2. What crosses is borrowed: inputs live until the function they were passed to
 *     RETURNS (also when it returns PENDING); the receiver copies. The one exception is
 *     signet_blob (host.h): immutable, the host's, counted by reference.
 *  3. A struct passed by pointer starts with struct_size; fields are only appended; what
 *     lies past struct_size reads as zero.
 *  4. Fixed-width types only. No padding holes on 64-bit targets.
 *  5. Nothing unwinds across: no C++ exception, panic, longjmp.
 *  6. These headers are the source; bindings follow them.
 *
 * Thread tags, one per function:
 *  [any]        thread-safe, concurrent, may be called inside callbacks
 *  [worker]     called on a host pool thread, concurrent, may block until call->deadline_ns
 *  [serial]     besides, never concurrent for the same session or stream
 *  [nonblock]   may run on an event loop: no I/O, no lock held over a call, under 50 us
 *  [lifecycle]  one at a time per instance
 * A function that has an out parameter never returns PENDING.
 * The host holds no lock while it is in a plugin. */
#ifndef SIGNET_ABI_BASE_H
#define SIGNET_ABI_BASE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SIGNET_ABI_MAJOR 1
#define SIGNET_ABI_MINOR 0

#define SIGNET_EXPORT __attribute__((visibility("default")))

typedef struct signet_str {   /* UTF-8, no NUL promised; {NULL, 0} = absent */
  const char *ptr;
  size_t len;
} signet_str;
typedef struct signet_bytes {
  const uint8_t *ptr;
  size_t len;
} signet_bytes;

/* 0..16 are gRPC's codes; -1 is PENDING; nothing else is legal. */
typedef int32_t signet_status;
#define SIGNET_PENDING (-1)
#define SIGNET_OK 0
#define SIGNET_CANCELLED 1
#define SIGNET_UNKNOWN 2
#define SIGNET_INVALID_ARGUMENT 3
#define SIGNET_DEADLINE_EXCEEDED 4
#define SIGNET_NOT_FOUND 5
#define SIGNET_ALREADY_EXISTS 6
#define SIGNET_PERMISSION_DENIED 7
#define SIGNET_RESOURCE_EXHAUSTED 8
#define SIGNET_FAILED_PRECONDITION 9
#define SIGNET_ABORTED 10
#define SIGNET_OUT_OF_RANGE 11
#define SIGNET_UNIMPLEMENTED 12
#define SIGNET_INTERNAL 13
#define SIGNET_UNAVAILABLE 14
#define SIGNET_DATA_LOSS 15
#define SIGNET_UNAUTHENTICATED 16

/* Is field f there and set? True only when the other side's struct is long enough. */
#define SIGNET_HAS(p, T, f) \
  ((p)->struct_size >= offsetof(T, f) + sizeof(((T *)0)->f) && (p)->f)

typedef struct signet_instance signet_instance; /* opaque, the plugin's */
typedef struct signet_session signet_session;   /* opaque, the plugin's */
typedef struct signet_call signet_call;
typedef struct signet_host signet_host;

/* ---- The call: errors, deadline, cancel, async completion and streams in one shape.
 * Sync: return OK or an error (fail() gives it words). Async: return PENDING, then
 * complete() exactly once, from any thread, also after a cancel. Results go out by
 * emit(); each service numbers its kinds from 1. */
#define SIGNET_KIND_ERROR_DETAIL 0xFFFF0000u /* signet_error_detail */
#define SIGNET_KIND_NOTE 0xFFFF0001u         /* signet_note: from validate() and configure() */

typedef struct signet_error_detail { /* a google.protobuf.Any that travels with the error */
  uint32_t struct_size;
  uint32_t reserved;
  signet_str type_url;
  signet_bytes value;
} signet_error_detail;

typedef struct signet_note { /* a finding about the configuration */
  uint32_t struct_size;
  uint32_t error; /* 0: a warning */
  signet_str pointer; /* JSON pointer into the plugin's configuration; may be absent */
  signet_str message;
} signet_note;

typedef struct signet_call_ops {
  uint32_t struct_size;
  uint32_t reserved;
  uint32_t (*cancelled)(const signet_call *);                                       /* [any] */
  /* fn is [nonblock]; called at most once, at once if cancelled already, never after the
   * call is complete. One per call; fn = NULL removes it. */
  signet_status (*on_cancel)(signet_call *, void (*fn)(void *), void *arg);         /* [any] */
  /* The host copies msg. RESOURCE_EXHAUSTED: the consumer lags. */
  signet_status (*emit)(signet_call *, uint32_t kind, const void *msg, size_t size); /* [any] */
  /* Words for an error, at most 4 KiB, never a secret. Returns code. */
  signet_status (*fail)(signet_call *, signet_status code, signet_str message);     /* [any] */
  void (*complete)(signet_call *, signet_status code);                              /* [any] */
} signet_call_ops;

struct signet_call { /* the host's; dead after a non-PENDING return or complete() */
  uint32_t struct_size;
  uint32_t flags;
  const signet_call_ops *ops;
  int64_t deadline_ns; /* host clock, monotonic; INT64_MAX = none */
  signet_bytes trace;  /* W3C traceparent; may be absent */
  void *impl;
};

/* ---- The host, as one plugin instance sees it; valid until destroy() returns. */
struct signet_host {
  uint32_t struct_size;
  uint16_t abi_major;
  uint16_t abi_minor;
  void *impl;
  const char *name;    /* the instance's full name: "server/KeyManager/disk" */
  const char *version; /* the host's */
  const void *(*get_service)(const signet_host *, const char *id); /* [any] NULL: not offered */
};

/* ---- What the plugin is and offers. */
#define SIGNET_SERVICE_SYSTEM 1u /* offered to every instance by host->get_service */
#define SIGNET_SERVICE_EXPERIMENTAL 2u

typedef struct signet_service_ref {
  const char *id; /* "signet.key_manager/1" */
  uint32_t flags;
  uint32_t isolation; /* 0 either, 1 in-process only, 2 isolated only */
} signet_service_ref;

#define SIGNET_PLUGIN_MULTI_INSTANCE 1u
#define SIGNET_PLUGIN_HOLDS_SECRETS 2u

typedef struct signet_plugin { /* static const in the plugin */
  uint32_t struct_size;
  uint16_t abi_major; /* of the headers it was built with */
  uint16_t abi_minor;
  uint32_t flags;
  uint32_t service_count;
  uint32_t service_size; /* stride of `services`, so that a ref can grow */
  uint32_t reserved;
  const char *name; /* "keymanager-memory" */
  const char *version;
  const char *vendor;
  const char *license;
  const char *url;
  const char *config_schema; /* JSON Schema subset (docs/configuration.md), or NULL: no settings */
  const signet_service_ref *services;
  const char *const *needs; /* service ids it cannot run without; NULL-ended; may be NULL */
  signet_status (*create)(const signet_host *, signet_str name, signet_instance **out); /* [lifecycle] */
  const void *(*get_service)(signet_instance *, const char *id);                        /* [any] */
  signet_status (*validate)(signet_instance *, signet_call *, signet_bytes config_json); /* [worker] no effects */
  signet_status (*configure)(signet_instance *, signet_call *, signet_bytes config_json); /* [lifecycle] atomic; may come again while running */
  signet_status (*start)(signet_instance *, signet_call *);                             /* [lifecycle] */
  signet_status (*drain)(signet_instance *, signet_call *);                             /* [lifecycle] no new work; ends when quiet */
  signet_status (*stop)(signet_instance *, signet_call *);                              /* [lifecycle] joins all threads */
  void (*destroy)(signet_instance *);                                                   /* [lifecycle] frees */
} signet_plugin;

/* Pure: no threads, I/O, locks or host calls; the same pointer each time; NULL when it
 * cannot serve that major. */
#ifndef SIGNET_NO_ENTRY_DECL
SIGNET_EXPORT const signet_plugin *signet_plugin_entry(uint32_t host_major, uint32_t host_minor);
#endif

/* The ELF note .note.signet repeats name, ABI, services, needs and command words, so that
 * the host and image scanners read them before any code of the plugin runs. `text` is
 * "key=value\0key=value\0", keys: name abi services needs commands; lists by comma:
 *
 *   SIGNET_PLUGIN_NOTE("name=keymanager-memory\0abi=1.0\0services=signet.key_manager/1")
 *
 * A note that disagrees with the descriptor is a load error. */
#define SIGNET_NOTE_TYPE 0x53474e54u /* "SGNT" */
#define SIGNET_PLUGIN_NOTE(text)                                                        \
  __attribute__((used, aligned(4), section(".note.signet"))) static const struct {      \
    uint32_t namesz;                                                                    \
    uint32_t descsz;                                                                    \
    uint32_t type;                                                                      \
    char name[8];                                                                       \
    char desc[(sizeof(text) + 3) / 4 * 4];                                              \
  } signet_plugin_note = {7, sizeof(text), SIGNET_NOTE_TYPE, "signet", text}

#ifdef __cplusplus
}
#endif
#endif
