/* bundle_source.h: "signet.bundle_source/1", fetches the bundle document of a foreign trust domain
 * from its bundle endpoint. It moves bytes and authenticates who gave them; what they say, when to
 * ask and what to keep is the caller's business. */
#ifndef SIGNET_ABI_BUNDLE_SOURCE_H
#define SIGNET_ABI_BUNDLE_SOURCE_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SIGNET_BUNDLE_SOURCE "signet.bundle_source/1"

#define SIGNET_KIND_BUNDLE_DOCUMENT 1u /* the bytes; once */

/* How the endpoint proves itself (SPIFFE Federation 5.2). */
#define SIGNET_ENDPOINT_HTTPS_WEB 1u    /* a certificate of the public web for the URL's host */
#define SIGNET_ENDPOINT_HTTPS_SPIFFE 2u /* an X509-SVID with exactly `endpoint_id` */

#define SIGNET_FETCH_ALLOW_PRIVATE 1u /* loopback and link-local addresses may be asked */

typedef struct signet_bundle_fetch {
  uint32_t struct_size;
  uint32_t profile;         /* SIGNET_ENDPOINT_... */
  uint32_t flags;           /* SIGNET_FETCH_... */
  uint32_t max_redirects;   /* only to https URLs without a user; none is remembered */
  signet_str trust_domain;  /* the bare name, for logs */
  signet_str url;           /* https, without a user */
  signet_str endpoint_id;   /* https_spiffe: the SPIFFE ID */
  const signet_bytes *roots; /* https_spiffe: X.509 authorities of endpoint_id's trust domain, DER */
  size_t root_count;
  uint64_t max_bytes;       /* of the document */
} signet_bundle_fetch;

typedef struct signet_bundle_source {
  uint32_t struct_size;
  uint32_t reserved;
  /* Asks once. The call's deadline bounds everything: name look-up, connection, redirects, body.
   * May be PENDING; ends soon after it is cancelled.
   *   emits    one BUNDLE_DOCUMENT
   *   errors   INVALID_ARGUMENT the URL, or another part of the request; UNAVAILABLE no answer, or
   *            another status than 200; UNAUTHENTICATED the endpoint is not who it should be;
   *            PERMISSION_DENIED its address may not be asked; RESOURCE_EXHAUSTED the answer is
   *            larger than max_bytes; DEADLINE_EXCEEDED */
  signet_status (*fetch)(signet_instance *, signet_call *, const signet_bundle_fetch *); /* [worker] */
} signet_bundle_source;

#ifdef __cplusplus
}
#endif
#endif
