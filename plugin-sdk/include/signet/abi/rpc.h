/* rpc.h: "signet.host.rpc/1", gRPC by full method name and bytes, both directions.
 *
 * A transport plugin offers it; roles and third parties use it and never link gRPC. The
 * transport owns sockets, TLS, peer identity, message and connection limits, deadlines and the
 * per-call log record. It knows transport facts only; what a peer may do, the role decides:
 * once per connection in verify(), once per call in open().
 *
 * A stream, server side:  open -> message* -> half_close? -> finish() by the handler -> done.
 * A stream, client side:  call() -> message* -> done; half_close() ends our side.
 * read() gives one credit: without credit no message is delivered, and HTTP/2 holds the peer.
 * No function of this table runs a handler's callback before it returns, so a caller may hold
 * its own lock over read, write, finish, half_close and cancel. */
#ifndef SIGNET_ABI_RPC_H
#define SIGNET_ABI_RPC_H

#include "host.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SIGNET_HOST_RPC "signet.host.rpc/1"

typedef struct signet_rpc_stream signet_rpc_stream; /* the transport's; valid until done() returns */
typedef struct signet_rpc_conn signet_rpc_conn;     /* a client channel; until hang_up() */

#define SIGNET_RPC_UNIX 1
#define SIGNET_RPC_TCP 2
#define SIGNET_RPC_TLS 3

typedef struct signet_rpc_peer {
  uint32_t struct_size;
  uint32_t transport;
  int32_t pid;   /* Unix: by SO_PEERCRED; 0 none */
  int32_t pidfd; /* Unix: of that very process, opened for verify() or the first call; borrowed, dup to keep; -1 none */
  uint32_t uid;
  uint32_t gid;
  uint64_t start_time; /* Unix: field 22 of its /proc/PID/stat; 0 unknown */
  uint64_t connection; /* unique for the life of the process */
  signet_str address;  /* "127.0.0.1:4711" or "" */
  const signet_bytes *chain; /* TLS: the peer's certificates, DER, leaf first */
  size_t chain_len;
  signet_str id; /* set by verify() through SIGNET_RPC_KIND_PEER_ID; absent = anonymous */
  void *user;    /* set by verify() likewise; the acceptor frees it in closed() */
} signet_rpc_peer;

/* Emitted by verify(). */
#define SIGNET_RPC_KIND_PEER_ID 1u
typedef struct signet_rpc_peer_id {
  uint32_t struct_size;
  uint32_t reserved;
  signet_str id;
  void *user;
} signet_rpc_peer_id;

/* Emitted by identity(): the certificate to present and how to sign with its key. Either
 * `key` (PKCS#8 DER in a secret; borrowed, the transport takes a reference of its own) or key_manager + key_id (the
 * instance name of a "signet.key_manager/1" in the caller's scope; EC keys only). */
#define SIGNET_RPC_KIND_IDENTITY 2u
typedef struct signet_rpc_identity {
  uint32_t struct_size;
  uint32_t reserved;
  const signet_bytes *chain; /* DER, leaf first */
  size_t chain_len;
  signet_secret *key;
  signet_str key_manager;
  signet_str key_id;
} signet_rpc_identity;

/* Emitted by listen(): where it really listens, "tcp:127.0.0.1:40001". */
#define SIGNET_RPC_KIND_ADDRESS 3u
typedef struct signet_rpc_address {
  uint32_t struct_size;
  uint32_t reserved;
  signet_str uri;
} signet_rpc_address;

#define SIGNET_RPC_CLIENT_STREAM 1u /* more than one message may come from the client */
#define SIGNET_RPC_SERVER_STREAM 2u
#define SIGNET_RPC_INLINE 4u /* message() is [nonblock] and runs on the transport's thread */
#define SIGNET_RPC_LATEST 8u /* write() takes one message at a time: none waits that a later one replaces */

/* `st` is what open() wrote (server) or what call() was given (client). Any may be NULL but done. */
typedef struct signet_rpc_handler {
  uint32_t struct_size;
  uint32_t flags;
  /* Server only. May this peer call? To refuse with words, finish() the stream and return OK.
   * An error ends the call with that code alone, and done() does not come. [nonblock] */
  signet_status (*open)(void *self, signet_rpc_stream *, const signet_rpc_peer *, void **st);
  void (*message)(void *st, signet_rpc_stream *, signet_bytes); /* [worker, serial] one per read() */
  void (*half_close)(void *st, signet_rpc_stream *);            /* [worker, serial] the other side sends no more */
  void (*writable)(void *st, signet_rpc_stream *);              /* [worker, serial] the queue fell under its low mark */
  /* Last callback, also after a cancel or a lost connection; frees st. Client: the call's
   * result; `detail` is an encoded google.protobuf.Any, may be absent. */
  void (*done)(void *st, signet_rpc_stream *, signet_status, signet_str message, signet_bytes detail); /* [any] */
} signet_rpc_handler;

/* What a listener or a client channel asks of its owner. For plaintext Unix sockets verify
 * and closed may be used, identity is not asked. */
typedef struct signet_rpc_acceptor {
  uint32_t struct_size;
  uint32_t reserved;
  /* Emits one IDENTITY; client: an error of NOT_FOUND means "go without a certificate". */
  signet_status (*identity)(void *self, signet_call *); /* [worker] */
  /* Once per connection. May emit PEER_ID. An error refuses the connection; its words go to
   * the log (server) or into the failed calls' message (client). A server peer that sent no
   * certificate is verified too, with chain_len 0. */
  signet_status (*verify)(void *self, signet_call *, const signet_rpc_peer *); /* [worker] */
  void (*closed)(void *self, const signet_rpc_peer *); /* [any] once for each verify() that returned OK */
} signet_rpc_acceptor;

typedef struct signet_rpc_header {
  signet_str key;
  signet_str value;
} signet_rpc_header;

typedef struct signet_host_rpc {
  uint32_t struct_size;
  uint32_t reserved;
  /* uri: "unix:/path/api.sock", "tcp:0.0.0.0:8081" (port 0: any; emits ADDRESS).
   * options_json: {"socket_mode":"0770","folder_mode":"0750","tls":true,
   *   "client_certificate":"none"|"asked", "max_message":4194304, "max_connection_age_s":180,
   *   "max_connections":N, "max_connections_per_ip":N, "max_streams":N}
   * A TLS peer with an id counts for that, not for its address.
   * Nothing is accepted before serve(). self lives until unlisten() completes. */
  signet_status (*listen)(const signet_host *, signet_call *, signet_str uri, signet_bytes options_json,
                          const signet_rpc_acceptor *, void *self, uint64_t *listener); /* [worker] */
  /* method: "/package.Service/Method". self must outlive the listener. */
  signet_status (*handle)(const signet_host *, uint64_t listener, signet_str method,
                          const signet_rpc_handler *, void *self); /* [any] before serve() */
  signet_status (*serve)(const signet_host *, signet_call *, uint64_t listener); /* [worker] bound when it returns */
  /* The next handshake asks identity() again. */
  signet_status (*identity_changed)(const signet_host *, uint64_t listener); /* [any] */
  /* Ends the connections whose peer has this id (a ban, an eviction). */
  void (*disconnect)(const signet_host *, uint64_t listener, signet_str id); /* [any] */
  /* Stops accepting, lets calls end until the call's deadline, then cancels them. Completes
   * (it may be PENDING) after the last done(). */
  signet_status (*unlisten)(const signet_host *, signet_call *, uint64_t listener); /* [worker] */

  void (*read)(signet_rpc_stream *); /* [any] */
  /* Takes over the caller's reference. RESOURCE_EXHAUSTED: over the high mark, not queued and
   * the reference still the caller's; wait for writable(). */
  signet_status (*write)(signet_rpc_stream *, signet_blob *); /* [any] */
  /* Server: ends the call. `last` (may be NULL, reference taken over) goes out together with
   * the trailers. detail: encoded google.protobuf.Any, may be absent. Once per stream. */
  void (*finish)(signet_rpc_stream *, signet_blob *last, signet_status, signet_str message, signet_bytes detail); /* [any] */
  void (*half_close)(signet_rpc_stream *); /* [any] client: we send no more */
  void (*cancel)(signet_rpc_stream *);     /* [any] client: give up; done() still comes */
  /* Adds a field to the call's log record. */
  void (*audit)(signet_rpc_stream *, signet_str key, signet_str value); /* [any] before finish() */
  /* Request metadata; count returned, the first `max` values written; valid until done(). */
  size_t (*metadata)(signet_rpc_stream *, signet_str key, signet_str *values, size_t max); /* [any] server */
  int64_t (*deadline)(const signet_rpc_stream *); /* [any] monotonic ns; INT64_MAX none */
  uint32_t (*cancelled)(const signet_rpc_stream *); /* [any] */
  const signet_rpc_peer *(*peer)(const signet_rpc_stream *); /* [any] valid until done() */

  /* Client. uri: "unix:/path", "tcp:1.2.3.4:port", "dns:host:port" or "dns:host,host:port": one of all addresses, at random.
   * options_json: {"tls":true,"max_message":N}. Lazy: connects with the first call. */
  signet_status (*connect)(const signet_host *, signet_str uri, signet_bytes options_json,
                           const signet_rpc_acceptor *, void *self, signet_rpc_conn **out); /* [any] */
  /* Starts a call; `st` goes to the handler's callbacks. done() comes once whatever is returned,
   * never before call() returns. `headers` are copied.
   * `first`, may be NULL, is the first message (reference taken over). */
  signet_status (*call)(signet_rpc_conn *, signet_str method, int64_t deadline_ns,
                        const signet_rpc_header *headers, size_t header_count,
                        const signet_rpc_handler *, void *st, signet_blob *first, signet_rpc_stream **out); /* [any] */
  /* Open calls are cancelled; returns after their done() and the last acceptor callback. */
  void (*hang_up)(signet_rpc_conn *); /* [worker] */
} signet_host_rpc;

#ifdef __cplusplus
}
#endif
#endif
