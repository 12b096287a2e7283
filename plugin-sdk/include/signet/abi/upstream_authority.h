/* upstream_authority.h: "signet.upstream_authority/1", the authority above a server's own: it signs
 * the server's CA certificate and says which roots, JWT keys and WIT keys the trust domain has.
 *
 * All functions are streams: they emit their answer, return PENDING, and from then on emit
 * what changed, until the call is cancelled or the plugin drains. What is emitted is always the
 * whole list; the latest one counts. Of one and the same change every stream is told.
 * A caller that only wants the answer cancels the call once it has it.
 * The streams have no deadline. A plugin bounds its own waiting: what it cannot answer within a
 * minute it refuses UNAVAILABLE. */
#ifndef SIGNET_ABI_UPSTREAM_AUTHORITY_H
#define SIGNET_ABI_UPSTREAM_AUTHORITY_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SIGNET_UPSTREAM_AUTHORITY "signet.upstream_authority/1"

#define SIGNET_KIND_X509_CA_CHAIN 1u      /* signet_upstream_x509_chain; by mint_x509, once, first */
#define SIGNET_KIND_UPSTREAM_ROOTS 2u     /* signet_upstream_roots */
#define SIGNET_KIND_UPSTREAM_JWT_KEYS 3u  /* signet_upstream_keys */
#define SIGNET_KIND_UPSTREAM_WIT_KEYS 4u  /* signet_upstream_keys */

typedef struct signet_mint_x509_req {
  uint32_t struct_size;
  uint32_t reserved;
  signet_bytes csr;        /* PKCS#10, DER; its signature is the proof of possession */
  int64_t preferred_ttl_s; /* seconds; 0: the upstream's own. The upstream may give less */
} signet_mint_x509_req;

typedef struct signet_upstream_x509_chain {
  uint32_t struct_size;
  uint32_t reserved;
  const signet_bytes *certificates; /* DER: the CA certificate, then up to below the root */
  size_t count;
} signet_upstream_x509_chain;

typedef struct signet_upstream_root {
  uint32_t struct_size;
  uint32_t tainted;         /* still trusted, but what it signed is to be replaced */
  signet_bytes certificate; /* DER */
} signet_upstream_root;

typedef struct signet_upstream_roots {
  uint32_t struct_size;
  uint32_t root_size; /* stride of the array, so that signet_upstream_root can grow */
  const signet_upstream_root *roots;
  size_t count; /* never 0 */
} signet_upstream_roots;

typedef struct signet_upstream_key {
  uint32_t struct_size;
  uint32_t tainted;
  signet_str key_id;       /* the "kid" of a token */
  signet_bytes public_key; /* SubjectPublicKeyInfo, DER */
  int64_t expires_at;      /* Unix seconds; 0: not known */
} signet_upstream_key;

typedef struct signet_upstream_keys {
  uint32_t struct_size;
  uint32_t key_size; /* stride of the array */
  const signet_upstream_key *keys;
  size_t count;
} signet_upstream_keys;

typedef struct signet_upstream_authority {
  uint32_t struct_size;
  uint32_t reserved;
  /* Signs a CA certificate for the key of the CSR, whose only URI SAN is the trust domain's ID.
   *   emits    one X509_CA_CHAIN, one UPSTREAM_ROOTS, then UPSTREAM_ROOTS when they change
   *   errors   INVALID_ARGUMENT the CSR; UNAVAILABLE the upstream is not reached (safe to try
   *            again); PERMISSION_DENIED it refuses us */
  signet_status (*mint_x509)(signet_instance *, signet_call *, const signet_mint_x509_req *); /* [worker] */
  /* Makes a JWT key known to all of the trust domain; publishing it again changes nothing.
   *   emits    UPSTREAM_JWT_KEYS, all there are, the new one among them; again when they change
   *   errors   as above; UNIMPLEMENTED: this upstream has no place for JWT keys, and the caller
   *            keeps its keys local */
  signet_status (*publish_jwt_key)(signet_instance *, signet_call *, const signet_upstream_key *); /* [worker] */
  /* What there is, without asking for anything: how a server follows its upstream.
   *   emits    UPSTREAM_ROOTS and, if this upstream has them, UPSTREAM_JWT_KEYS and
   *            UPSTREAM_WIT_KEYS, as soon as they are known; each again when it changes
   *   errors   UNAVAILABLE (safe to try again) */
  signet_status (*subscribe)(signet_instance *, signet_call *); /* [worker] */
  /* As publish_jwt_key, of a WIT key. NULL: as UNIMPLEMENTED.
   *   emits    UPSTREAM_WIT_KEYS, all there are, the new one among them; again when they change */
  signet_status (*publish_wit_key)(signet_instance *, signet_call *, const signet_upstream_key *); /* [worker] */
} signet_upstream_authority;

#ifdef __cplusplus
}
#endif
#endif
