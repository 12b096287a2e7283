#include "sql_datastore.h"

#include "settings/settings.h"

namespace signet::datastore_sql {

const void* SqlDatastore::service(std::string_view id) {
  if (id == SIGNET_DATASTORE) return datastore_table();
  if (id == SIGNET_DATASTORE_SCHEMA) return schema_table();
  if (id == SIGNET_SPIRE_SOURCE) return spire_source_table();
  return nullptr;
}

Status SqlDatastore::validate(Call& call, std::string_view config) {
  auto parsed = parse_config(config);
  if (!parsed) return call.noted(parsed.status());
  for (const std::string& key : parsed->unused) {
    call.note("/" + key, key + " means nothing to database_type \"sqlite3\"", false);
  }
  return {};
}

Status SqlDatastore::configure(Call& call, std::string_view config) {
  auto parsed = parse_config(config);
  if (!parsed) return call.noted(parsed.status());
  if (store_ && config_ != *parsed) {
    return Status::failed_precondition("a changed DataStore setting needs a restart");
  }
  if (const auto* sqlite = std::get_if<SqliteConfig>(&parsed->database))
    SIGNET_RETURN_IF_ERROR(host().will_write_file(sqlite->path));
  config_ = std::move(*parsed);
  return {};
}

SqliteStore::Options SqlDatastore::options(const SqliteConfig& config) const {
  SqliteStore::Options out;
  out.path = config.path;
  out.max_readers = config.max_readers;
  out.max_idle_readers = config.max_idle_readers;
  out.migrate.migrations = migrations_;
  out.migrate.disabled = config_->disable_migration;
  out.trace = trace();
  return out;
}

PostgresStore::Options SqlDatastore::options(const PostgresConfig& config) const {
  PostgresStore::Options out;
  out.where = config.where;
  out.replica = config.replica;
  out.connections.open = config.max_connections;
  out.connections.idle = config.max_idle_connections;
  out.connections.idle_time = std::chrono::seconds(30);  // the peer's
  if (config.max_lifetime.count() != 0) out.connections.lifetime = config.max_lifetime;
  out.migrate.migrations = migrations_;
  out.migrate.disabled = config_->disable_migration;
  out.trace = trace();
  out.on_state = [this](bool away, std::string_view reason) {
    if (away) {
      host().error("Datastore is away; reads and writes fail until it is back",
                   {{"reason", reason}});
    } else {
      host().info("Datastore is back");
    }
  };
  return out;
}

std::function<void(std::string_view)> SqlDatastore::trace() const {
  if (!config_->log_sql) return {};
  return [this](std::string_view sql) { host().debug("SQL statement", {{"sql", sql}}); };
}

Result<std::unique_ptr<Store>> SqlDatastore::open(const SqliteConfig& config) {
  SIGNET_RETURN_IF_ERROR(make_data_folder(config.path, settings::shared_text(host(), "data_dir")));
  SIGNET_TRY(auto store, SqliteStore::open(options(config)));
  host().info("Datastore opened", {{"path", config.path}, {"revision", store->latest_revision()}});
  return std::unique_ptr<Store>(std::move(store));
}

Result<std::unique_ptr<Store>> SqlDatastore::open(const PostgresConfig& config) {
  SIGNET_TRY(auto store, PostgresStore::open(options(config)));
  host().info("Datastore opened",
              {{"database", config.where.name()}, {"revision", store->latest_revision()}});
  return std::unique_ptr<Store>(std::move(store));
}

Result<SchemaReport> SqlDatastore::schema(bool migrate) const {
  if (!config_) return Status::failed_precondition("datastore is not configured");
  if (store_) return Status::failed_precondition("datastore is open");
  SchemaReport report;
  report.known = static_cast<std::int64_t>(migrations_.size());
  if (const auto* sqlite = std::get_if<SqliteConfig>(&config_->database)) {
    report.database = "SQLite file " + sqlite->path;
    if (migrate) {
      SIGNET_RETURN_IF_ERROR(
          make_data_folder(sqlite->path, settings::shared_text(host(), "data_dir")));
    }
    SIGNET_TRY(report.state, SqliteStore::schema(options(*sqlite), migrate));
  } else {
    const auto& postgres = std::get<PostgresConfig>(config_->database);
    report.database = "PostgreSQL " + postgres.where.name();
    SIGNET_TRY(report.state, PostgresStore::schema(options(postgres), migrate));
  }
  return report;
}

Status SqlDatastore::start(Call&) {
  if (!config_) return Status::failed_precondition("datastore is not configured");
  // A command is to look at the tables, or at what is in those that are there, and writes nothing.
  const std::string task = settings::shared_text(host(), "datastore_task");
  if (task == "look") {
    SIGNET_TRY(const SchemaReport there, schema(false));
    if (there.state.version < there.known) return {};
  } else if (!task.empty() && task != "fill") {
    return {};
  }
  SIGNET_TRY(auto store,
             std::visit([this](const auto& config) { return open(config); }, config_->database));
  store->on_commit([this](std::uint64_t revision) { hub_.announce(revision); });
  hub_.start(store->latest_revision());
  store_ = std::move(store);
  return {};
}

Status SqlDatastore::drain(Call&) {
  hub_.close();
  return {};
}

Status SqlDatastore::stop(Call&) {
  hub_.stop();
  store_.reset();
  return {};
}

}  // namespace signet::datastore_sql
