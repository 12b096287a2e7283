#include "sql_datastore.h"

#include <nlohmann/json.hpp>

#include "postgres_store.h"
#include "sqlite_store.h"

namespace signet::datastore_sql {
namespace {

std::string data_dir_of(const std::string& shared_settings) {
  const auto json = nlohmann::json::parse(shared_settings, nullptr, false);
  if (!json.is_object() || !json.contains("data_dir") || !json["data_dir"].is_string()) return "";
  return json["data_dir"].get<std::string>();
}

Status noted(const Call& call, const Status& status) {
  std::string pointer;
  for (const auto& [key, value] : status.fields()) {
    if (key == "pointer") pointer = value;
  }
  call.note(pointer, status.message(), true);
  return status;
}

}  // namespace

const void* SqlDatastore::service(std::string_view id) {
  return id == SIGNET_DATASTORE ? datastore_table() : nullptr;
}

Status SqlDatastore::validate(Call& call, std::string_view config) {
  auto parsed = parse_config(config);
  if (!parsed) return noted(call, parsed.status());
  for (const std::string& key : parsed->unused) {
    call.note("/" + key, key + " means nothing to database_type \"sqlite3\"", false);
  }
  return {};
}

Status SqlDatastore::configure(Call& call, std::string_view config) {
  auto parsed = parse_config(config);
  if (!parsed) return noted(call, parsed.status());
  if (store_ && config_ != *parsed) {
    return Status::failed_precondition("a changed DataStore setting needs a restart");
  }
  config_ = std::move(*parsed);
  return {};
}

Result<std::unique_ptr<Store>> SqlDatastore::open(const SqliteConfig& config) {
  SIGNET_RETURN_IF_ERROR(make_data_folder(config.path, data_dir_of(host().shared_settings())));
  SqliteStore::Options options;
  options.path = config.path;
  options.max_readers = config.max_readers;
  options.max_idle_readers = config.max_idle_readers;
  options.migrate.disabled = config_->disable_migration;
  options.trace = trace();
  SIGNET_TRY(auto store, SqliteStore::open(std::move(options)));
  host().info("Datastore opened", {{"path", config.path}, {"revision", store->latest_revision()}});
  return std::unique_ptr<Store>(std::move(store));
}

Result<std::unique_ptr<Store>> SqlDatastore::open(const PostgresConfig& config) {
  PostgresStore::Options options;
  options.where = config.where;
  options.replica = config.replica;
  options.connections.open = config.max_connections;
  options.connections.idle = config.max_idle_connections;
  options.connections.idle_time = std::chrono::seconds(30);  // the peer's
  if (config.max_lifetime.count() != 0) options.connections.lifetime = config.max_lifetime;
  options.migrate.disabled = config_->disable_migration;
  options.trace = trace();
  options.on_state = [this](bool away, std::string_view reason) {
    if (away) {
      host().error("Datastore is away; reads and writes fail until it is back",
                   {{"reason", reason}});
    } else {
      host().info("Datastore is back");
    }
  };
  SIGNET_TRY(auto store, PostgresStore::open(std::move(options)));
  host().info("Datastore opened",
              {{"database", config.where.name()}, {"revision", store->latest_revision()}});
  return std::unique_ptr<Store>(std::move(store));
}

std::function<void(std::string_view)> SqlDatastore::trace() {
  if (!config_->log_sql) return {};
  return [this](std::string_view sql) { host().debug("SQL statement", {{"sql", sql}}); };
}

Status SqlDatastore::start(Call&) {
  if (!config_) return Status::failed_precondition("datastore is not configured");
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
