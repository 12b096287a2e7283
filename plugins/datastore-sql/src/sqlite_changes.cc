// The revision log read back: each kind's table by revision, and the deletions, merged.
#include <algorithm>
#include <optional>
#include <vector>

#include "sqlite_store.h"

namespace signet::datastore_sql {
namespace {

// One source of the merge: a statement of (revision, id[, kind]) in ascending revision.
struct Source {
  std::string_view kind;  // empty: deletions, which name their own
  sqlite::Lease statement;
  std::uint64_t revision = 0;
};

// A record that lives again has its own place in the log.
Result<bool> lives(sqlite::Connection& connection, std::string_view kind, std::string_view id) {
  SIGNET_TRY(auto statement,
             connection.prepare("SELECT 1 FROM " + std::string(kind) + " WHERE id = ?"));
  statement.bind_text(id);
  return statement.step();
}

Result<std::vector<Source>> open_sources(sqlite::Connection& connection, std::uint64_t since) {
  std::vector<Source> sources;
  const auto add = [&](std::string_view kind, const std::string& sql) -> Status {
    SIGNET_TRY(auto statement, connection.prepare(sql));
    statement.bind(since);
    SIGNET_TRY(bool row, statement.step());
    if (!row) return {};
    const auto revision = static_cast<std::uint64_t>(statement.integer(0));
    sources.push_back({kind, std::move(statement), revision});
    return {};
  };
  SIGNET_RETURN_IF_ERROR(add("",
                             "SELECT revision, id, kind FROM tombstone WHERE revision > ? "
                             "ORDER BY revision"));
  for (const KindSpec& kind : kinds()) {
    SIGNET_RETURN_IF_ERROR(add(kind.name, "SELECT revision, id FROM " + std::string(kind.name) +
                                              " WHERE revision > ? ORDER BY revision"));
  }
  return sources;
}

Status merge(sqlite::Connection& connection, std::uint64_t since, std::uint32_t limit,
             const ChangeSink& sink) {
  SIGNET_TRY(auto sources, open_sources(connection, since));
  std::uint64_t last = 0;
  std::uint32_t said = 0;  // revisions that said something
  std::vector<bool> ended(sources.size(), false);
  for (;;) {
    std::optional<std::size_t> next;
    for (std::size_t i = 0; i < sources.size(); ++i) {
      if (!ended[i] && (!next || sources[i].revision < sources[*next].revision)) next = i;
    }
    if (!next) return {};
    Source& source = sources[*next];
    ChangeView change;
    change.deleted = source.kind.empty();
    change.kind = change.deleted ? source.statement.text(2) : source.kind;
    change.id = source.statement.text(1);
    change.revision = source.revision;
    bool emit = true;
    if (change.deleted) {
      SIGNET_TRY(bool again, lives(connection, change.kind, change.id));
      emit = !again;
    }
    if (emit) {
      if (change.revision != last) {
        if (limit != 0 && said == limit) return {};
        ++said;
        last = change.revision;
      }
      SIGNET_RETURN_IF_ERROR(sink(change));
    }
    SIGNET_TRY(bool more, source.statement.step());
    ended[*next] = !more;
    if (more) source.revision = static_cast<std::uint64_t>(source.statement.integer(0));
  }
}

Status read_log(sqlite::Connection& connection, std::uint64_t since, std::uint32_t limit,
                const ChangeSink& sink) {
  std::int64_t start = 0;
  {
    SIGNET_TRY(auto statement,
               connection.prepare("SELECT value FROM counter WHERE name = 'log_start'"));
    SIGNET_TRY(bool row, statement.step());
    if (row) start = statement.integer(0);
  }
  if (since < static_cast<std::uint64_t>(start)) {
    return Status::failed_precondition("revision " + std::to_string(since) +
                                       " lies before the start of the change log, " +
                                       std::to_string(start) + ": load everything anew");
  }
  return merge(connection, since, limit, sink);
}

}  // namespace

Status SqliteStore::changes(std::uint64_t since, std::uint32_t limit, std::chrono::nanoseconds wait,
                            const ChangeSink& sink) {
  SIGNET_TRY(auto reader, acquire_reader(wait));
  Status done = reader->exec("BEGIN");
  if (done.ok()) done = read_log(*reader, since, limit, sink);
  if (reader->in_transaction()) {
    const Status ended = reader->exec("ROLLBACK");
    if (done.ok()) done = ended;
  }
  release_reader(std::move(reader));
  return done;
}

}  // namespace signet::datastore_sql
