#include "schema.h"

namespace signet::datastore_sql {
namespace {

// Schema 1. A record is one row of its kind's table; `row` is given by us from counter
// "row.<kind>" and never used again. A set key is kept twice: packed in the record, for
// equality and for deletion, and one row each in <kind>_<key>, for searching. `revision` is
// the log: its index gives the records changed since R, `tombstone` the deleted ones.
// entry.similar hashes (parent_id, selector set), so that the similar-entry check of the
// SPIRE API is one look-up however many entries share a SPIFFE ID.
constexpr Migration kMigrations[] = {{1, R"sql(
CREATE TABLE counter (name {name} PRIMARY KEY, value {int} NOT NULL) {hot};
INSERT INTO counter (name, value) VALUES ('revision', 0), ('log_start', 0);

CREATE TABLE tombstone (kind {name} NOT NULL, id {text} NOT NULL, revision {int} NOT NULL,
  PRIMARY KEY (kind, id)) {clustered};
CREATE INDEX tombstone_revision ON tombstone (revision);

CREATE TABLE entry (row {int} PRIMARY KEY, id {text} NOT NULL UNIQUE, revision {int} NOT NULL,
  expires_at {int} NOT NULL, spiffe_id {text} NOT NULL, parent_id {text} NOT NULL,
  hint {text} NOT NULL, downstream {int} NOT NULL, admin {int} NOT NULL,
  selector_count {int} NOT NULL, selector {blob} NOT NULL,
  federates_with_count {int} NOT NULL, federates_with {blob} NOT NULL,
  "similar" {int} NOT NULL, body {blob} NOT NULL);
CREATE INDEX entry_revision ON entry (revision);
CREATE INDEX entry_spiffe_id ON entry (spiffe_id, "similar");
CREATE INDEX entry_parent_id ON entry (parent_id{row});
CREATE INDEX entry_hint ON entry (hint) WHERE hint <> '';
CREATE INDEX entry_downstream ON entry (downstream) WHERE downstream = 1;
CREATE INDEX entry_admin ON entry (admin) WHERE admin = 1;
CREATE INDEX entry_expires_at ON entry (expires_at) WHERE expires_at > 0;
CREATE INDEX entry_no_selector ON entry (selector_count) WHERE selector_count = 0;
CREATE TABLE entry_selector (value {text} NOT NULL, row {int} NOT NULL,
  PRIMARY KEY (value, row)) {clustered};
CREATE TABLE entry_federates_with (value {text} NOT NULL, row {int} NOT NULL,
  PRIMARY KEY (value, row)) {clustered};

CREATE TABLE agent (row {int} PRIMARY KEY, id {text} NOT NULL UNIQUE, revision {int} NOT NULL,
  expires_at {int} NOT NULL, attestation_type {text} NOT NULL, banned {int} NOT NULL,
  can_reattest {int} NOT NULL, selector_count {int} NOT NULL, selector {blob} NOT NULL,
  body {blob} NOT NULL);
CREATE INDEX agent_revision ON agent (revision);
CREATE INDEX agent_attestation_type ON agent (attestation_type{row});
CREATE INDEX agent_banned ON agent (banned) WHERE banned = 1;
CREATE INDEX agent_expires_at ON agent (expires_at) WHERE expires_at > 0;
CREATE INDEX agent_no_selector ON agent (selector_count) WHERE selector_count = 0;
CREATE TABLE agent_selector (value {text} NOT NULL, row {int} NOT NULL,
  PRIMARY KEY (value, row)) {clustered};

CREATE TABLE bundle (row {int} PRIMARY KEY, id {text} NOT NULL UNIQUE, revision {int} NOT NULL,
  expires_at {int} NOT NULL, body {blob} NOT NULL);
CREATE INDEX bundle_revision ON bundle (revision);
CREATE TABLE join_token (row {int} PRIMARY KEY, id {text} NOT NULL UNIQUE,
  revision {int} NOT NULL, expires_at {int} NOT NULL, body {blob} NOT NULL);
CREATE INDEX join_token_revision ON join_token (revision);
CREATE INDEX join_token_expires_at ON join_token (expires_at) WHERE expires_at > 0;
CREATE TABLE federation (row {int} PRIMARY KEY, id {text} NOT NULL UNIQUE,
  revision {int} NOT NULL, expires_at {int} NOT NULL, body {blob} NOT NULL);
CREATE INDEX federation_revision ON federation (revision);
CREATE TABLE journal (row {int} PRIMARY KEY, id {text} NOT NULL UNIQUE, revision {int} NOT NULL,
  expires_at {int} NOT NULL, body {blob} NOT NULL);
CREATE INDEX journal_revision ON journal (revision);
CREATE TABLE meta (row {int} PRIMARY KEY, id {text} NOT NULL UNIQUE, revision {int} NOT NULL,
  expires_at {int} NOT NULL, body {blob} NOT NULL);
CREATE INDEX meta_revision ON meta (revision);
)sql"}};

struct Word {
  std::string_view name;
  std::string_view sqlite;
  std::string_view postgres;
};
// Ids and keys are bytes to us: PostgreSQL's text takes no zero byte and orders by a locale.
constexpr Word kWords[] = {
    {"{text}", "TEXT", "BYTEA"},
    {"{name}", "TEXT", "TEXT"},
    {"{int}", "INTEGER", "BIGINT"},
    {"{blob}", "BLOB", "BYTEA"},
    {"{clustered}", "WITHOUT ROWID", ""},
    {"{row}", "", ", (row + 0)"},                          // SQLite's indexes have it anyway
    {"{hot}", "WITHOUT ROWID", "WITH (fillfactor = 20)"},  // rewritten by each commit
};

std::string spelt_for(sql::Dialect dialect, std::string_view text) {
  std::string sql(text);
  for (const Word& word : kWords) {
    const std::string_view spelt = dialect == sql::Dialect::kPostgres ? word.postgres : word.sqlite;
    for (std::size_t at = 0; (at = sql.find(word.name, at)) != std::string::npos;) {
      sql.replace(at, word.name.size(), spelt);
      at += spelt.size();
    }
  }
  return sql;
}

Status run_step(sql::Connection& connection, const MigrateOptions& options, std::int64_t version) {
  const Migration& step = options.migrations[static_cast<std::size_t>(version - 1)];
  const std::string text = spelt_for(connection.dialect(), step.statements);
  for (std::size_t from = 0; from < text.size();) {
    const std::size_t end = std::min(text.find(';', from), text.size());
    const std::string sql = text.substr(from, end - from);
    from = end + 1;
    if (sql.find_first_not_of(" \n") == std::string::npos) continue;
    if (options.before) SIGNET_RETURN_IF_ERROR(options.before(version, sql));
    SIGNET_RETURN_IF_ERROR(connection.exec(sql));
  }
  return {};
}

}  // namespace

std::span<const Migration> migrations() { return kMigrations; }

Status check_schema(const SchemaState& state, std::int64_t known) {
  if (state.version <= known || state.oldest_program <= known) return {};
  return Status::failed_precondition("datastore has schema " + std::to_string(state.version) +
                                     "; this program knows up to " + std::to_string(known) +
                                     ": run the newer program or restore an older copy");
}

Status migrate(sql::Connection& connection, const SchemaPlace& place,
               const MigrateOptions& options) {
  const auto known = static_cast<std::int64_t>(options.migrations.size());
  for (;;) {
    SIGNET_RETURN_IF_ERROR(connection.exec(place.begin));
    const auto step = [&]() -> Result<bool> {  // true: that was the last
      // Read anew each time: another server may have gone on meanwhile.
      SIGNET_TRY(SchemaState state, place.read(connection));
      SIGNET_RETURN_IF_ERROR(check_schema(state, known));
      if (state.version >= known) return true;
      if (state.version > 0 && options.disabled) {
        return Status::failed_precondition("datastore has schema " + std::to_string(state.version) +
                                           ", this program needs " + std::to_string(known) +
                                           ", and disable_migration is set");
      }
      const std::int64_t version = state.version + 1;
      const Status done = run_step(connection, options, version);
      if (!done.ok()) {
        return done.prefixed("cannot migrate the datastore to schema " + std::to_string(version));
      }
      state = {version, options.migrations[static_cast<std::size_t>(version - 1)].oldest_program};
      SIGNET_RETURN_IF_ERROR(place.write(connection, state));
      if (options.before) SIGNET_RETURN_IF_ERROR(options.before(version, "COMMIT"));
      return false;
    }();
    if (!step) {
      (void)connection.roll_back();
      return step.status();
    }
    SIGNET_RETURN_IF_ERROR(connection.exec("COMMIT"));
    if (*step) return {};
  }
}

Status spire_database(std::string_view what, std::int64_t version) {
  std::string message(what);
  message += " is a SPIRE database";
  if (version != 0) message += " (schema " + std::to_string(version) + ")";
  if (version != 0 && (version < kOldestSpireSchema || version > kNewestSpireSchema)) {
    return Status::failed_precondition(
        message + "; it was left as it is, and only schemas " + std::to_string(kOldestSpireSchema) +
        " to " + std::to_string(kNewestSpireSchema) +
        " can be imported: run a SPIRE 1.15 server on it first, which brings it up to date");
  }
  return Status::failed_precondition(
      message +
      "; it was left as it is: name another place for the datastore, then bring SPIRE's records "
      "over with `signet server datastore import-spire -config FILE -spireConfig FILE`, where "
      "-config is this server's configuration and -spireConfig that of the SPIRE server");
}

}  // namespace signet::datastore_sql
