/* node_attestor.h: both sides of node attestation, as sessions that the host steps. */
#ifndef SIGNET_ABI_NODE_ATTESTOR_H
#define SIGNET_ABI_NODE_ATTESTOR_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SIGNET_NODE_ATTESTOR_SERVER "signet.node_attestor.server/1"
#define SIGNET_NODE_ATTESTOR_AGENT "signet.node_attestor.agent/1"

#define SIGNET_KIND_CHALLENGE 1u  /* server: msg, size are the challenge */
#define SIGNET_KIND_ATTRIBUTES 2u /* server: signet_agent_attributes; ends the session */
#define SIGNET_KIND_PAYLOAD 3u    /* agent: the first message, or a challenge's response */

typedef struct signet_agent_attributes {
  uint32_t struct_size;
  uint32_t can_reattest;
  signet_str agent_id; /* "spiffe://<trust domain>/spire/agent/<type>/..." */
  const signet_str *selectors; /* values only; the type is the plugin's name */
  size_t selector_count;
} signet_agent_attributes;

typedef struct signet_attest_origin { /* where the request came from; both as observed */
  uint32_t struct_size;
  uint32_t reserved;
  signet_str trust_domain; /* the server's, "example.org" */
  signet_str client_address; /* "10.0.0.7:4711" */
} signet_attest_origin;

typedef struct signet_node_attestor_server {
  uint32_t struct_size;
  uint32_t reserved;
  signet_status (*open)(signet_instance *, signet_call *, const signet_attest_origin *, signet_session **out); /* [worker] */
  /* First the payload, then each challenge's response. Emits CHALLENGE or ATTRIBUTES. */
  signet_status (*step)(signet_session *, signet_call *, signet_bytes from_agent); /* [worker, serial] */
  void (*close)(signet_session *); /* [any, serial] */
} signet_node_attestor_server;

typedef struct signet_node_attestor_agent {
  uint32_t struct_size;
  uint32_t reserved;
  signet_status (*open)(signet_instance *, signet_call *, signet_session **out); /* [worker] */
  /* First with an empty span: emits the PAYLOAD. Then per challenge: emits its response. */
  signet_status (*step)(signet_session *, signet_call *, signet_bytes challenge); /* [worker, serial] */
  void (*close)(signet_session *); /* [any, serial] */
} signet_node_attestor_agent;

#ifdef __cplusplus
}
#endif
#endif
