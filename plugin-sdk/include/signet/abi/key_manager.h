/* key_manager.h: "signet.key_manager/1", where CA keys live. No export function exists, on purpose. */
#ifndef SIGNET_ABI_KEY_MANAGER_H
#define SIGNET_ABI_KEY_MANAGER_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SIGNET_KEY_MANAGER "signet.key_manager/1"

/* Numbers as in SPIRE's KeyManager. */
#define SIGNET_KEY_EC_P256 1
#define SIGNET_KEY_EC_P384 2
#define SIGNET_KEY_RSA_2048 3
#define SIGNET_KEY_RSA_4096 4
#define SIGNET_HASH_SHA256 5
#define SIGNET_HASH_SHA384 6
#define SIGNET_HASH_SHA512 7

#define SIGNET_KIND_KEY 1u       /* signet_key_info */
#define SIGNET_KIND_SIGNATURE 2u /* the signature's bytes themselves are msg, size */

typedef struct signet_key_info {
  uint32_t struct_size;
  uint32_t key_type;
  signet_str key_id;
  signet_bytes public_key; /* SubjectPublicKeyInfo, DER */
} signet_key_info;

typedef struct signet_sign_req {
  uint32_t struct_size;
  uint32_t hash_alg;
  signet_str key_id;
  signet_bytes digest;   /* 32, 48 or 64 bytes */
  int32_t pss_salt_len;  /* -1 = not PSS */
  uint32_t reserved;
} signet_sign_req;

typedef struct signet_key_manager {
  uint32_t struct_size;
  uint32_t reserved;
  /* Makes a key called key_id, replacing one of that name; durable when it returns OK. On an
   * error the old key is still there. Emits one KEY. */
  signet_status (*generate)(signet_instance *, signet_call *, signet_str key_id, uint32_t key_type); /* [worker] */
  signet_status (*list)(signet_instance *, signet_call *); /* [worker] emits KEY* */
  /* Signs req->digest; emits one SIGNATURE. ECDSA: DER (r, s). RSA: PKCS#1 v1.5 or PSS.
   * NOT_FOUND no such key, INVALID_ARGUMENT digest length or hash. */
  signet_status (*sign)(signet_instance *, signet_call *, const signet_sign_req *); /* [worker] */
} signet_key_manager;

/* "signet.key_import/1", offered by a key manager's plugin beside it: takes over the keys of another
 * program. No key crosses this border either. */
#define SIGNET_KEY_IMPORT "signet.key_import/1"
typedef struct signet_key_import {
  uint32_t struct_size;
  uint32_t reserved;
  /* Reads the keys of a SPIRE disk key manager's keys.json, which is never written to, and emits one
   * KEY each. take != 0: they become keys of this key manager, all or none, durable when it returns.
   * A key that is here already is no error. NOT_FOUND no such file, INVALID_ARGUMENT it is damaged,
   * ALREADY_EXISTS another key has one of the names (after the KEYs), FAILED_PRECONDITION it is this
   * key manager's own file. */
  signet_status (*from_file)(signet_instance *, signet_call *, signet_str path, uint32_t take); /* [worker] */
} signet_key_import;

#ifdef __cplusplus
}
#endif
#endif
