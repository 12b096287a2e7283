/* datastore.h: "signet.datastore/1", records in one ordered log.
 *
 * A record is a flat envelope plus a body (canonical protobuf, opaque here). `kind` is one of
 * entry, agent, bundle, join_token, federation, journal, meta. A commit that changes something
 * has one revision; revisions are in commit order and every record bears the one that wrote it
 * last. Readers hold a cursor and ask for changes since R. */
#ifndef SIGNET_ABI_DATASTORE_H
#define SIGNET_ABI_DATASTORE_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SIGNET_DATASTORE "signet.datastore/1"

#define SIGNET_KIND_RECORD 1u   /* signet_record: get, take, query */
#define SIGNET_KIND_CHANGE 2u   /* signet_change: changes */
#define SIGNET_KIND_REVISION 3u /* signet_revision: watch (latest only, coalesced), commit is by out parameter */
#define SIGNET_KIND_COUNT 4u    /* signet_revision with .revision = the count: query with want = COUNT */

#define SIGNET_REVISION_ANY (-1)
#define SIGNET_REVISION_ABSENT 0 /* must not exist */

/* Index keys, by kind (a name not listed is INVALID_ARGUMENT):
 *   entry       spiffe_id, parent_id, selector*, federates_with*, hint, downstream ("1"), admin ("1")
 *   agent       attestation_type, banned ("1"), can_reattest ("1"), selector*
 *   federation, bundle, join_token, journal, meta    none
 * (* may repeat; selector is "type:value"). A record may carry expires_at besides. */
typedef struct signet_index_key {
  signet_str name;
  signet_bytes value;
} signet_index_key;

typedef struct signet_record {
  uint32_t struct_size;
  uint32_t reserved;
  signet_str kind;
  signet_str id;       /* unique in its kind; at most 2048 bytes */
  uint64_t row;        /* out: ascending, 32 bit, never used again: the page token */
  uint64_t revision;   /* out */
  int64_t if_revision; /* in, put: a revision, ANY or ABSENT; else ABORTED (ALREADY_EXISTS for ABSENT) */
  int64_t expires_at;  /* Unix seconds; 0 never */
  const signet_index_key *keys; /* put only */
  size_t key_count;
  signet_bytes body;
} signet_record;

typedef struct signet_change {
  uint32_t struct_size;
  uint32_t deleted;
  signet_str kind;
  signet_str id;
  uint64_t revision;
} signet_change;

typedef struct signet_revision {
  uint32_t struct_size;
  uint32_t reserved;
  uint64_t revision;
} signet_revision;

#define SIGNET_MATCH_EXACT 0    /* sets equal */
#define SIGNET_MATCH_SUBSET 1   /* stored in requested; an empty set never is */
#define SIGNET_MATCH_SUPERSET 2 /* stored holds requested */
#define SIGNET_MATCH_ANY 3      /* they meet */
#define SIGNET_WANT_RECORDS 0
#define SIGNET_WANT_COUNT 1
#define SIGNET_WANT_HEADERS 2 /* kind, id, row, revision, expires_at; no body */

/* All conditions hold at once. Repeated keys of one name are a set, compared by `match` of
 * that name (selector_match, federates_match). Order: ascending row. */
typedef struct signet_query {
  uint32_t struct_size;
  uint32_t want;
  signet_str kind;
  const signet_index_key *where;
  size_t where_count;
  uint32_t selector_match;
  uint32_t federates_match;
  uint64_t after_row;
  uint32_t limit; /* 0: all */
  uint32_t reserved;
  int64_t expires_before; /* Unix seconds, only records with 0 < expires_at < this; 0 none */
} signet_query;

typedef struct signet_tx signet_tx;
#define SIGNET_TX_READ 0
#define SIGNET_TX_WRITE 1
/* Reads what may be stale: from a replica where there is one, as old as that is. Its commit()
 * gives the revision that was read, from which changes() goes on. Never for a decision. An older
 * plugin answers INVALID_ARGUMENT. */
#define SIGNET_TX_READ_STALE 2

/* One signet_call serves a whole transaction: begin(), then any of get..undo, then commit() or
 * abort(), all on one thread. Such a function gives the words of an error as an emitted
 * signet_note (SIGNET_KIND_NOTE) and returns the code; fail() is for begin(), changes(), watch(). */
typedef struct signet_datastore {
  uint32_t struct_size;
  uint32_t reserved;
  /* One writer at a time; a reader sees one snapshot. A tx stays on the thread that began it. */
  signet_status (*begin)(signet_instance *, signet_call *, uint32_t mode, signet_tx **out);   /* [worker] */
  signet_status (*get)(signet_tx *, signet_call *, signet_str kind, signet_str id);           /* emits RECORD; NOT_FOUND */
  /* All or none of the n records. Fills row and, at commit, revision. */
  signet_status (*put)(signet_tx *, signet_call *, signet_record *, size_t n);
  signet_status (*take)(signet_tx *, signet_call *, signet_str kind, signet_str id);          /* deletes and emits RECORD; NOT_FOUND */
  signet_status (*erase)(signet_tx *, signet_call *, signet_str kind, signet_str id);         /* NOT_FOUND */
  signet_status (*query)(signet_tx *, signet_call *, const signet_query *);                   /* emits RECORD* or one COUNT */
  /* What is done after mark() can be undone without losing the rest: one bad item never fails
   * the others of its batch. Marks do not nest. */
  signet_status (*mark)(signet_tx *, signet_call *);
  signet_status (*undo)(signet_tx *, signet_call *);
  /* Durable when it returns OK. *revision: of this commit, or the store's latest if nothing
   * changed. The tx is gone whatever is returned. */
  signet_status (*commit)(signet_tx *, signet_call *, uint64_t *revision);
  void (*abort)(signet_tx *);
  /* Changes with revision > since, ascending, the latest one per record, at most `limit`
   * revisions' worth. FAILED_PRECONDITION (TOO_OLD): since lies before the log's start; reload. */
  signet_status (*changes)(signet_instance *, signet_call *, uint64_t since, uint32_t limit); /* [worker] */
  /* PENDING until cancelled; emits REVISION when the latest has moved past `since`. */
  signet_status (*watch)(signet_instance *, signet_call *, uint64_t since);                   /* [any] */
  /* What follows came later: an older plugin's struct_size ends before it. */
  /* The revision of the latest commit, asked of the database now: who holds everything up to it
   * lacks nothing that was committed before the call. Never waits past the deadline for long. */
  signet_status (*latest)(signet_instance *, signet_call *, uint64_t *revision);              /* [worker] */
  /* The right to do `name`, of at most 64 bytes, alone among all servers on this database, until
   * the transaction ends or its server is gone. ABORTED: another server has it. */
  signet_status (*claim)(signet_tx *, signet_call *, signet_str name);
} signet_datastore;

/* "signet.datastore_schema/1", offered by a datastore's plugin beside it: its tables, looked at or
 * brought up to date without being opened. For commands: by the scope's shared setting
 * `datastore_task` start() opens a datastore as for a server ("" and "fill"), only when its tables
 * are there and up to date, so that nothing is written ("look"), or not at all (anything else). */
#define SIGNET_DATASTORE_SCHEMA "signet.datastore_schema/1"
#define SIGNET_KIND_SCHEMA_STATE 1u /* signet_schema_state */
typedef struct signet_schema_state {
  uint32_t struct_size;
  uint32_t reserved;
  signet_str database;    /* which one, in words without secrets */
  int64_t version;        /* of the tables; 0 there are none yet */
  int64_t oldest_program; /* that can work with them */
  int64_t known;          /* by this program */
} signet_schema_state;
typedef struct signet_datastore_schema {
  uint32_t struct_size;
  uint32_t reserved;
  /* Both emit one SCHEMA_STATE. FAILED_PRECONDITION: another program's tables, too new ones, or the
   * datastore is open. */
  signet_status (*check)(signet_instance *, signet_call *);   /* [worker] writes nothing */
  signet_status (*migrate)(signet_instance *, signet_call *); /* [worker] also where migration is disabled */
} signet_datastore_schema;

#ifdef __cplusplus
}
#endif
#endif
