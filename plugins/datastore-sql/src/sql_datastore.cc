#include "sql_datastore.h"

#include <nlohmann/json.hpp>

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
  return parsed ? Status() : noted(call, parsed.status());
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

Status SqlDatastore::start(Call&) {
  if (!config_) return Status::failed_precondition("datastore is not configured");
  SIGNET_RETURN_IF_ERROR(make_data_folder(config_->path, data_dir_of(host().shared_settings())));
  SqliteStore::Options options;
  options.path = config_->path;
  options.max_readers = config_->max_readers;
  options.max_idle_readers = config_->max_idle_readers;
  options.disable_migration = config_->disable_migration;
  if (config_->log_sql) {
    options.trace = [this](std::string_view sql) { host().debug("SQL statement", {{"sql", sql}}); };
  }
  SIGNET_TRY(auto store, SqliteStore::open(std::move(options)));
  store->on_commit([this](std::uint64_t revision) { hub_.announce(revision); });
  hub_.start(store->latest_revision());
  store_ = std::move(store);
  host().info("Datastore opened",
              {{"path", config_->path}, {"revision", store_->latest_revision()}});
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
