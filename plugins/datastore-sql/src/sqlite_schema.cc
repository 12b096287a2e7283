#include "sqlite_schema.h"

#include <sys/stat.h>

namespace signet::datastore_sql {
namespace {

// Schema 1. A record is one row of its kind's table; `row` is given by us from counter
// "row.<kind>" and never used again. A set key is kept twice: packed in the record, for
// equality and for deletion, and one row each in <kind>_<key>, for searching. `revision` is
// the log: its index gives the records changed since R, `tombstone` the deleted ones.
// entry.similar hashes (parent_id, selector set), so that the similar-entry check of the
// SPIRE API is one look-up however many entries share a SPIFFE ID.
constexpr const char* kMigrations[kSchemaVersion] = {R"sql(
CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO counter (name, value) VALUES ('revision', 0), ('log_start', 0);

CREATE TABLE tombstone (kind TEXT NOT NULL, id TEXT NOT NULL, revision INTEGER NOT NULL,
  PRIMARY KEY (kind, id)) WITHOUT ROWID;
CREATE INDEX tombstone_revision ON tombstone (revision);

CREATE TABLE entry (row INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, revision INTEGER NOT NULL,
  expires_at INTEGER NOT NULL, spiffe_id TEXT NOT NULL, parent_id TEXT NOT NULL,
  hint TEXT NOT NULL, downstream INTEGER NOT NULL, admin INTEGER NOT NULL,
  selector_count INTEGER NOT NULL, selector BLOB NOT NULL,
  federates_with_count INTEGER NOT NULL, federates_with BLOB NOT NULL,
  similar INTEGER NOT NULL, body BLOB NOT NULL);
CREATE INDEX entry_revision ON entry (revision);
CREATE INDEX entry_spiffe_id ON entry (spiffe_id, similar);
CREATE INDEX entry_parent_id ON entry (parent_id);
CREATE INDEX entry_hint ON entry (hint) WHERE hint <> '';
CREATE INDEX entry_downstream ON entry (downstream) WHERE downstream = 1;
CREATE INDEX entry_admin ON entry (admin) WHERE admin = 1;
CREATE INDEX entry_expires_at ON entry (expires_at) WHERE expires_at > 0;
CREATE INDEX entry_no_selector ON entry (selector_count) WHERE selector_count = 0;
CREATE TABLE entry_selector (value TEXT NOT NULL, row INTEGER NOT NULL,
  PRIMARY KEY (value, row)) WITHOUT ROWID;
CREATE TABLE entry_federates_with (value TEXT NOT NULL, row INTEGER NOT NULL,
  PRIMARY KEY (value, row)) WITHOUT ROWID;

CREATE TABLE agent (row INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, revision INTEGER NOT NULL,
  expires_at INTEGER NOT NULL, attestation_type TEXT NOT NULL, banned INTEGER NOT NULL,
  can_reattest INTEGER NOT NULL, selector_count INTEGER NOT NULL, selector BLOB NOT NULL,
  body BLOB NOT NULL);
CREATE INDEX agent_revision ON agent (revision);
CREATE INDEX agent_attestation_type ON agent (attestation_type);
CREATE INDEX agent_banned ON agent (banned) WHERE banned = 1;
CREATE INDEX agent_expires_at ON agent (expires_at) WHERE expires_at > 0;
CREATE INDEX agent_no_selector ON agent (selector_count) WHERE selector_count = 0;
CREATE TABLE agent_selector (value TEXT NOT NULL, row INTEGER NOT NULL,
  PRIMARY KEY (value, row)) WITHOUT ROWID;

CREATE TABLE bundle (row INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, revision INTEGER NOT NULL,
  expires_at INTEGER NOT NULL, body BLOB NOT NULL);
CREATE INDEX bundle_revision ON bundle (revision);
CREATE TABLE join_token (row INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,
  revision INTEGER NOT NULL, expires_at INTEGER NOT NULL, body BLOB NOT NULL);
CREATE INDEX join_token_revision ON join_token (revision);
CREATE INDEX join_token_expires_at ON join_token (expires_at) WHERE expires_at > 0;
CREATE TABLE federation (row INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,
  revision INTEGER NOT NULL, expires_at INTEGER NOT NULL, body BLOB NOT NULL);
CREATE INDEX federation_revision ON federation (revision);
CREATE TABLE journal (row INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, revision INTEGER NOT NULL,
  expires_at INTEGER NOT NULL, body BLOB NOT NULL);
CREATE INDEX journal_revision ON journal (revision);
CREATE TABLE meta (row INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, revision INTEGER NOT NULL,
  expires_at INTEGER NOT NULL, body BLOB NOT NULL);
CREATE INDEX meta_revision ON meta (revision);
)sql"};

Status newer(std::int64_t version) {
  return Status::failed_precondition(
      "datastore has schema " + std::to_string(version) + "; this program knows up to " +
      std::to_string(kSchemaVersion) + ": run the newer program or restore an older copy");
}

enum class Owner { kNobody, kSignet, kSpire, kOther };

struct Look {
  Owner owner = Owner::kNobody;
  std::int64_t version = 0;
};

Result<Look> look(const std::string& uri) {
  SIGNET_TRY(auto connection,
             sqlite::Connection::open(uri, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI));
  SIGNET_TRY(std::int64_t tables, connection->integer("SELECT count(*) FROM sqlite_master"));
  SIGNET_TRY(std::int64_t application, connection->integer("PRAGMA application_id"));
  SIGNET_TRY(std::int64_t version, connection->integer("PRAGMA user_version"));
  SIGNET_TRY(std::int64_t spire,
             connection->integer("SELECT count(*) FROM sqlite_master WHERE type = 'table' AND "
                                 "name IN ('migrations', 'registered_entries')"));
  if (application == kApplicationId) return Look{Owner::kSignet, version};
  if (spire == 2) return Look{Owner::kSpire, version};
  return Look{tables == 0 ? Owner::kNobody : Owner::kOther, version};
}

std::string uri_of(const std::string& path, const char* parameters) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string uri = "file:";
  for (const char c : path) {
    if (c == '%' || c == '?' || c == '#') {
      uri += {'%', kHex[static_cast<unsigned char>(c) >> 4], kHex[c & 15]};
    } else {
      uri += c;
    }
  }
  return uri + parameters;
}

bool has_bytes(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && info.st_size > 0;
}

}  // namespace

Status check_ownership(const std::string& path) {
  // immutable: no lock, no -wal, no -shm, nothing is created beside a file that is not ours.
  Result<Look> seen = look(uri_of(path, "?immutable=1"));
  const bool settled = seen && seen->owner != Owner::kNobody;
  // What a killed process left in its log counts too, and only a real open reads that.
  if (!settled && has_bytes(path + "-wal")) seen = look(uri_of(path, "?mode=ro"));
  if (!seen) {
    return Status::failed_precondition(
        "datastore file \"" + path +
        "\" is not a readable SQLite database: " + seen.status().message());
  }
  if (seen->owner == Owner::kSpire) {
    return Status::failed_precondition(
        "datastore file \"" + path +
        "\" is a SPIRE database; it was left as it is: name another file, then bring its "
        "records over with `signet server datastore import-spire`");
  }
  if (seen->owner == Owner::kOther) {
    return Status::failed_precondition("datastore file \"" + path +
                                       "\" belongs to another program; name another file");
  }
  if (seen->owner == Owner::kSignet && seen->version > kSchemaVersion) {
    return newer(seen->version).prefixed("datastore file \"" + path + "\"");
  }
  return {};
}

Status migrate(sqlite::Connection& connection, bool disabled) {
  SIGNET_RETURN_IF_ERROR(connection.exec("BEGIN IMMEDIATE"));
  Result<std::int64_t> version = connection.integer("PRAGMA user_version");
  SIGNET_RETURN_IF_ERROR(connection.exec("COMMIT"));
  if (!version) return version.status();
  if (*version > kSchemaVersion) return newer(*version);
  if (*version > 0 && *version < kSchemaVersion && disabled) {
    return Status::failed_precondition("datastore has schema " + std::to_string(*version) +
                                       ", this program needs " + std::to_string(kSchemaVersion) +
                                       ", and disable_migration is set");
  }
  for (std::int64_t step = *version; step < kSchemaVersion; ++step) {
    SIGNET_RETURN_IF_ERROR(connection.exec("BEGIN IMMEDIATE"));
    const std::string stamp = "PRAGMA application_id = " + std::to_string(kApplicationId) +
                              "; PRAGMA user_version = " + std::to_string(step + 1);
    Status done = connection.exec(kMigrations[step]);
    if (done.ok()) done = connection.exec(stamp.c_str());
    if (done.ok()) done = connection.exec("COMMIT");
    if (!done.ok()) {
      if (connection.in_transaction()) (void)connection.exec("ROLLBACK");
      return done.prefixed("cannot migrate the datastore to schema " + std::to_string(step + 1));
    }
  }
  return {};
}

}  // namespace signet::datastore_sql
