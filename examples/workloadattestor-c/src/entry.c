/* A complete workload attestor in plain C, written against signet/abi/ and nothing else.
 *
 * It says of every process its user ("uid:1000", as the kernel told the agent when the process
 * connected) and a list of fixed selectors from its settings. Use it as a starting point: copy the
 * folder, rename, and put what you know about a process into attest().
 *
 * What to take from it:
 *  - the one exported function, the descriptor, the note (bottom of the file);
 *  - errors: fail() gives the words and returns the code;
 *  - configure() may come again while attest() runs in other threads, and must change all or
 *    nothing. Here the settings are one block that is swapped and counted by reference, so no
 *    lock is held while the host is called. */
#define _POSIX_C_SOURCE 200809L

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "signet/abi/base.h"
#include "signet/abi/workload_attestor.h"

#include "settings.h"

/* What the host calls an instance: opaque to it, ours to define. */
struct signet_instance {
  pthread_mutex_t lock; /* guards `current` and its reference count */
  settings* current;
};

static signet_status fail(signet_call* call, signet_status code, const char* text) {
  signet_str message;
  message.ptr = text;
  message.len = strlen(text);
  return call->ops->fail(call, code, message);
}

/* Gives back one reference. */
static void release(signet_instance* self, settings* s) {
  uint32_t left;
  pthread_mutex_lock(&self->lock);
  left = --s->references;
  pthread_mutex_unlock(&self->lock);
  if (left == 0) settings_free(s);
}

/* ---- signet.workload_attestor/1 */

static signet_status attest(signet_instance* self, signet_call* call,
                            const signet_workload_peer* peer) {
  signet_str values[SETTINGS_MAX_SELECTORS + 1];
  signet_selectors selectors;
  signet_status status = SIGNET_OK;
  char uid[sizeof("uid:4294967295")];
  settings* s;
  size_t n;

  pthread_mutex_lock(&self->lock);
  s = self->current;
  if (s != NULL) ++s->references;
  pthread_mutex_unlock(&self->lock);
  if (s == NULL) return fail(call, SIGNET_FAILED_PRECONDITION, "not configured");

  selectors.struct_size = sizeof(selectors);
  selectors.reserved = 0;
  selectors.values = values;
  selectors.count = 0;
  if (s->uid) {
    values[0].ptr = uid;
    values[0].len = (size_t)snprintf(uid, sizeof(uid), "uid:%lu", (unsigned long)peer->uid);
    selectors.count = 1;
  }
  for (n = 0; n < s->count; ++n) {
    values[selectors.count].ptr = s->selectors[n];
    values[selectors.count].len = strlen(s->selectors[n]);
    ++selectors.count;
  }
  /* The host copies before emit() returns, so our buffers may go afterwards. */
  if (selectors.count != 0) {
    status = call->ops->emit(call, SIGNET_KIND_SELECTORS, &selectors, sizeof(selectors));
  }
  release(self, s);
  return status;
}

static const signet_workload_attestor kAttestor = {sizeof(signet_workload_attestor), 0, attest};

/* ---- Life cycle */

static signet_status create(const signet_host* host, signet_str name, signet_instance** out) {
  signet_instance* self = calloc(1, sizeof(*self));
  (void)host;
  (void)name;
  if (self == NULL) return SIGNET_RESOURCE_EXHAUSTED;
  if (pthread_mutex_init(&self->lock, NULL) != 0) {
    free(self);
    return SIGNET_INTERNAL;
  }
  *out = self;
  return SIGNET_OK;
}

static const void* get_service(signet_instance* self, const char* id) {
  (void)self;
  return strcmp(id, SIGNET_WORKLOAD_ATTESTOR) == 0 ? &kAttestor : NULL;
}

static signet_status validate(signet_instance* self, signet_call* call, signet_bytes config) {
  const char* error = NULL;
  settings* s = settings_parse(config.ptr, config.len, &error);
  (void)self;
  if (s == NULL) return fail(call, SIGNET_INVALID_ARGUMENT, error);
  settings_free(s);
  return SIGNET_OK;
}

static signet_status configure(signet_instance* self, signet_call* call, signet_bytes config) {
  const char* error = NULL;
  settings* next = settings_parse(config.ptr, config.len, &error);
  settings* old;
  if (next == NULL) return fail(call, SIGNET_INVALID_ARGUMENT, error); /* the old ones stay */
  pthread_mutex_lock(&self->lock);
  old = self->current;
  self->current = next;
  pthread_mutex_unlock(&self->lock);
  if (old != NULL) release(self, old);
  return SIGNET_OK;
}

static signet_status nothing_to_do(signet_instance* self, signet_call* call) {
  (void)self;
  (void)call;
  return SIGNET_OK;
}

static void destroy(signet_instance* self) {
  settings_free(self->current);
  pthread_mutex_destroy(&self->lock);
  free(self);
}

/* ---- What the host sees */

SIGNET_PLUGIN_NOTE(
    "name=workloadattestor-c-example\0abi=1.0\0services=signet.workload_attestor/1\0needs=");

static const char kSchema[] =
    "{\"type\": \"object\","
    " \"properties\": {"
    "   \"selectors\": {\"type\": \"array\", \"items\": {\"type\": \"string\"},"
    "     \"description\": \"selectors of every process\"},"
    "   \"uid\": {\"type\": \"boolean\", \"default\": true,"
    "     \"description\": \"emit uid:<n>\"}},"
    " \"additionalProperties\": false}";

static const signet_service_ref kServices[] = {{SIGNET_WORKLOAD_ATTESTOR, 0, 0}};

static const signet_plugin kPlugin = {
    sizeof(signet_plugin),
    SIGNET_ABI_MAJOR,
    SIGNET_ABI_MINOR,
    SIGNET_PLUGIN_MULTI_INSTANCE,
    sizeof(kServices) / sizeof(kServices[0]),
    sizeof(kServices[0]),
    0,
    "workloadattestor-c-example",
    "0.1.0",
    "Signet",
    "Apache-2.0",
    "",
    kSchema,
    kServices,
    NULL, /* needs nothing of the host */
    create,
    get_service,
    validate,
    configure,
    nothing_to_do, /* start */
    nothing_to_do, /* drain */
    nothing_to_do, /* stop */
    destroy,
};

const signet_plugin* signet_plugin_entry(uint32_t host_major, uint32_t host_minor) {
  (void)host_minor;
  return host_major == SIGNET_ABI_MAJOR ? &kPlugin : NULL;
}
