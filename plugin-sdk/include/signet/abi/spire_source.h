/* spire_source.h: "signet.spire_source/1", the tables of a SPIRE server's database, read only.
 *
 * For taking over from SPIRE. What the rows mean is the reader's business; here they are cells. */
#ifndef SIGNET_ABI_SPIRE_SOURCE_H
#define SIGNET_ABI_SPIRE_SOURCE_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SIGNET_SPIRE_SOURCE "signet.spire_source/1"

#define SIGNET_KIND_SPIRE_DATABASE 1u /* signet_spire_database: open */
#define SIGNET_KIND_SPIRE_ROW 2u      /* signet_spire_row: read */

/* Tables, and the cells of a row in their order: t text or bytes, n number (flags 0 or 1, times
 * Unix seconds, 0 for none). A column that an older schema lacks is empty or 0. */
#define SIGNET_SPIRE_BUNDLES 1         /* trust_domain t, data t */
#define SIGNET_SPIRE_FEDERATION 2      /* trust_domain t, bundle_endpoint_url t, bundle_endpoint_profile t, endpoint_spiffe_id t */
#define SIGNET_SPIRE_ENTRIES 3         /* entry_id t, spiffe_id t, parent_id t, ttl n, jwt_svid_ttl n, admin n, downstream n, expiry n, revision_number n, store_svid n, hint t, additional_attributes t, created_at n */
#define SIGNET_SPIRE_SELECTORS 4       /* of entries: type t, value t */
#define SIGNET_SPIRE_DNS_NAMES 5       /* of entries: value t */
#define SIGNET_SPIRE_FEDERATES_WITH 6  /* of entries: trust_domain t of the bundle */
#define SIGNET_SPIRE_AGENTS 7          /* spiffe_id t, data_type t, serial_number t, expires_at n, new_serial_number t, new_expires_at n, can_reattest n, agent_version t */
#define SIGNET_SPIRE_AGENT_SELECTORS 8 /* of agents: type t, value t */
#define SIGNET_SPIRE_JOIN_TOKENS 9     /* token t, expiry n */
#define SIGNET_SPIRE_CA_JOURNALS 10    /* data t */
#define SIGNET_SPIRE_TABLES 10

typedef struct signet_spire_cell {
  signet_bytes bytes;
  int64_t number;
} signet_spire_cell;

typedef struct signet_spire_row {
  uint32_t struct_size;
  uint32_t table;
  int64_t id; /* the row's own, from 1; of a table "of entries" or "of agents" the id of that row */
  const signet_spire_cell *cells;
  size_t cell_count;
} signet_spire_row;

typedef struct signet_spire_database {
  uint32_t struct_size;
  uint32_t reserved;
  signet_str name;    /* which one, in words without secrets */
  int64_t schema;     /* SPIRE's number */
  signet_str content; /* differs when the tables do: counts, newest ids and times */
} signet_spire_database;

typedef struct signet_spire_reader signet_spire_reader;

/* A SPIRE server may be running on it: it is read all the same, at one moment. */
#define SIGNET_SPIRE_LIVE 1u

typedef struct signet_spire_source {
  uint32_t struct_size;
  uint32_t reserved;
  /* settings: plugin_data of SPIRE's DataStore "sql", as JSON. Emits one SPIRE_DATABASE. The
   * database is never written to. FAILED_PRECONDITION: it is in use (without LIVE), has another
   * schema than is known, tables or columns missing, columns with content that nobody here knows,
   * or is no SPIRE database; INVALID_ARGUMENT: settings. */
  signet_status (*open)(signet_instance *, signet_call *, signet_bytes settings, uint32_t flags,
                        signet_spire_reader **out); /* [worker] */
  /* Rows with after < id <= upto, ascending; at most `limit` (0: all). A reader is used by one
   * thread at a time. */
  signet_status (*read)(signet_spire_reader *, signet_call *, uint32_t table, int64_t after,
                        int64_t upto, uint32_t limit); /* [worker] */
  /* FAILED_PRECONDITION: somebody else uses the database or has changed it since open(). */
  signet_status (*check_idle)(signet_spire_reader *, signet_call *); /* [worker] */
  void (*close)(signet_spire_reader *);                              /* [worker] */
} signet_spire_source;

#ifdef __cplusplus
}
#endif
#endif
