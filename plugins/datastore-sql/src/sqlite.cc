#include "sqlite.h"

namespace signet::datastore_sql::sqlite {
namespace {

// Queries with odd numbers of keys would otherwise fill memory with statements used once.
constexpr std::size_t kMaxKeptStatements = 128;

}  // namespace

Status status_of(int extended_code, std::string_view what, std::string_view detail) {
  Code code = Code::kInternal;
  switch (extended_code & 0xff) {
    case SQLITE_FULL:
      code = Code::kResourceExhausted;
      break;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PROTOCOL:
    case SQLITE_INTERRUPT:
    case SQLITE_NOMEM:
      code = Code::kUnavailable;
      break;
    default:
      break;
  }
  std::string message(what);
  message += ": ";
  message += detail;
  return Status(code, std::move(message)).with("sqlite_code", std::to_string(extended_code));
}

Lease::~Lease() {
  if (!handle_) return;
  if (!cached_) {
    sqlite3_finalize(handle_);
    return;
  }
  sqlite3_reset(handle_);
  sqlite3_clear_bindings(handle_);
  cached_->leased = false;
}

Result<bool> Lease::step() {
  const int code = sqlite3_step(handle_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return connection_->error("datastore statement failed");
}

int Lease::run_code() {
  const int code = sqlite3_step(handle_);
  return code == SQLITE_DONE || code == SQLITE_ROW ? SQLITE_OK : code;
}

Status Lease::run() {
  return run_code() == SQLITE_OK ? Status() : connection_->error("datastore statement failed");
}

std::string_view Lease::text(int column) const {
  const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(handle_, column));
  if (!data) return {};
  return {data, static_cast<std::size_t>(sqlite3_column_bytes(handle_, column))};
}

std::string_view Lease::blob(int column) const {
  const auto* data = static_cast<const char*>(sqlite3_column_blob(handle_, column));
  if (!data) return {};
  return {data, static_cast<std::size_t>(sqlite3_column_bytes(handle_, column))};
}

Result<std::unique_ptr<Connection>> Connection::open(const std::string& name, int flags) {
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(name.c_str(), &handle, flags | SQLITE_OPEN_NOMUTEX, nullptr);
  if (code != SQLITE_OK) {
    Status failed = status_of(code, "cannot open the database",
                              handle ? sqlite3_errmsg(handle) : sqlite3_errstr(code));
    sqlite3_close(handle);
    return failed;
  }
  sqlite3_extended_result_codes(handle, 1);
  return std::unique_ptr<Connection>(new Connection(handle));
}

Connection::~Connection() {
  for (auto& [sql, statement] : statements_) sqlite3_finalize(statement.handle);
  sqlite3_close(handle_);
}

Status Connection::exec(const char* sql) {
  if (sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr) == SQLITE_OK) return {};
  return error("datastore statement failed");
}

Result<Lease> Connection::prepare(std::string_view sql, bool keep) {
  auto found = statements_.find(sql);
  if (found != statements_.end() && !found->second.leased) {
    found->second.leased = true;
    return Lease(this, &found->second, nullptr);
  }
  keep = keep && found == statements_.end() && statements_.size() < kMaxKeptStatements;
  sqlite3_stmt* handle = nullptr;
  if (sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()),
                         keep ? SQLITE_PREPARE_PERSISTENT : 0, &handle, nullptr) != SQLITE_OK) {
    return error("cannot prepare a datastore statement");
  }
  if (!keep) return Lease(this, nullptr, handle);
  auto& cached = statements_[std::string(sql)];
  cached = {handle, true};
  return Lease(this, &cached, nullptr);
}

Result<std::int64_t> Connection::integer(std::string_view sql) {
  SIGNET_TRY(Lease statement, prepare(sql, false));
  SIGNET_TRY(bool row, statement.step());
  return row ? statement.integer(0) : 0;
}

Status Connection::error(std::string_view what) const {
  return status_of(sqlite3_extended_errcode(handle_), what, sqlite3_errmsg(handle_));
}

}  // namespace signet::datastore_sql::sqlite
