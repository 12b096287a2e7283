/* bundle_publisher.h: "signet.bundle_publisher/1", puts our bundle somewhere: a file, a bucket. */
#ifndef SIGNET_ABI_BUNDLE_PUBLISHER_H
#define SIGNET_ABI_BUNDLE_PUBLISHER_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SIGNET_BUNDLE_PUBLISHER "signet.bundle_publisher/1"

typedef struct signet_published_jwt_key {
  uint32_t struct_size;
  uint32_t reserved;
  signet_str key_id;
  signet_bytes public_key; /* SubjectPublicKeyInfo, DER */
  int64_t expires_at;      /* Unix seconds; 0: not known */
} signet_published_jwt_key;

typedef struct signet_published_bundle {
  uint32_t struct_size;
  uint32_t jwt_key_size; /* stride of jwt_keys, so that signet_published_jwt_key can grow */
  signet_str trust_domain;   /* the bare name */
  uint64_t sequence_number;
  int64_t refresh_hint;      /* seconds; 0: none */
  const signet_bytes *roots; /* DER, each self-signed or an upstream's */
  size_t root_count;
  const signet_published_jwt_key *jwt_keys;
  size_t jwt_key_count;
} signet_published_bundle;

typedef struct signet_bundle_publisher {
  uint32_t struct_size;
  uint32_t reserved;
  /* Called when the bundle changed, and again every half minute after an error. Publishing what is
   * there already changes nothing. One call at a time; readers see the old or the new, never a part.
   *   errors   any; the caller logs it and tries again */
  signet_status (*publish)(signet_instance *, signet_call *, const signet_published_bundle *); /* [worker] */
} signet_bundle_publisher;

#ifdef __cplusplus
}
#endif
#endif
