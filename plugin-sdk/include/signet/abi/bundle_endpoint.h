/* bundle_endpoint.h: "signet.bundle_endpoint/1", serves our bundle document to whoever asks (SPIFFE
 * Federation 5). It knows nothing of bundles: it is given bytes, and bytes go out. */
#ifndef SIGNET_ABI_BUNDLE_ENDPOINT_H
#define SIGNET_ABI_BUNDLE_ENDPOINT_H

#include "bundle_source.h"
#include "host.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SIGNET_BUNDLE_ENDPOINT "signet.bundle_endpoint/1"

#define SIGNET_KIND_ENDPOINT_LISTENS 1u /* signet_endpoint_listens; once */
typedef struct signet_endpoint_listens {
  uint32_t struct_size;
  uint32_t port; /* the real one */
} signet_endpoint_listens;

typedef struct signet_endpoint_options {
  uint32_t struct_size;
  uint32_t profile;            /* SIGNET_ENDPOINT_... of bundle_source.h */
  signet_str address;          /* IP address to listen on */
  uint32_t port;               /* 0: a free one */
  uint32_t reserved;
  /* https_web: PEM files that are looked at again this often. What changed and is not good is
   * told in the log, and the last good ones stay. */
  signet_str certificate_file;
  signet_str key_file;
  int64_t file_check_ns;
} signet_endpoint_options;

/* https_spiffe: what the endpoint shows from now on. Open connections go on. */
typedef struct signet_endpoint_identity {
  uint32_t struct_size;
  uint32_t reserved;
  const signet_bytes *chain; /* DER, leaf first */
  size_t chain_len;
  const signet_secret *key; /* PKCS#8 DER; borrowed, the plugin takes a reference of its own */
} signet_endpoint_identity;

typedef struct signet_bundle_endpoint {
  uint32_t struct_size;
  uint32_t reserved;
  /* GET / answers 200, application/json, with the document; another path 404, another method 405;
   * before there is a document 500. TLS 1.2 or newer, no certificate asked of the client. One at a
   * time; returns PENDING and listens until the call is cancelled or the plugin drains.
   *   emits    one ENDPOINT_LISTENS
   *   errors   INVALID_ARGUMENT the options, or files; UNAVAILABLE the address cannot be had;
   *            FAILED_PRECONDITION it serves already, or https_spiffe without an identity */
  signet_status (*serve)(signet_instance *, signet_call *, const signet_endpoint_options *); /* [worker] */
  /* Both may come before serve(), and at any time after. */
  signet_status (*set_document)(signet_instance *, signet_call *, signet_bytes); /* [worker] */
  signet_status (*set_identity)(signet_instance *, signet_call *, const signet_endpoint_identity *); /* [worker] */
} signet_bundle_endpoint;

#ifdef __cplusplus
}
#endif
#endif
