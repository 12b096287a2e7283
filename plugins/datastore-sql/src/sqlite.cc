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

std::string file_uri(const std::string& path, std::string_view parameters) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string uri = "file:";
  for (const char c : path) {
    if (c == '%' || c == '?' || c == '#') {
      uri += {'%', kHex[static_cast<unsigned char>(c) >> 4], kHex[c & 15]};
    } else {
      uri += c;
    }
  }
  return uri.append(parameters);
}

Statement& Statement::bind_keys(std::span<const std::string_view>) {
  sqlite3_bind_null(handle_, ++bound_);  // Dialect::kSqlite says that there are no arrays
  return *this;
}

void Statement::give_back() {
  if (!kept_) {
    delete this;
    return;
  }
  rewind();
  sqlite3_clear_bindings(handle_);
  leased_ = false;
}

Result<bool> Statement::step() {
  const int code = sqlite3_step(handle_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return connection_->error("datastore statement failed");
}

Result<std::uint64_t> Statement::run() {
  SIGNET_RETURN_IF_ERROR(step().status());
  return static_cast<std::uint64_t>(sqlite3_changes64(connection_->handle()));
}

std::string_view Statement::text(int column) const {
  const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(handle_, column));
  if (!data) return {};
  return {data, static_cast<std::size_t>(sqlite3_column_bytes(handle_, column))};
}

std::string_view Statement::blob(int column) const {
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
  statements_.clear();
  sqlite3_close(handle_);
}

Status Connection::exec(const std::string& sql) {
  if (sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK) return {};
  return error("datastore statement failed");
}

Status Connection::exec_each(std::initializer_list<std::string_view> sql) {
  for (const std::string_view text : sql) {
    SIGNET_TRY(const sql::Lease statement, prepare(text));
    SIGNET_RETURN_IF_ERROR(statement->run().status());
  }
  return {};
}

Result<sql::Lease> Connection::prepare(std::string_view sql, bool keep) {
  const auto found = statements_.find(sql);
  if (found != statements_.end() && !found->second->leased_) {
    found->second->leased_ = true;
    return sql::Lease(found->second.get());
  }
  keep = keep && found == statements_.end() && statements_.size() < kMaxKeptStatements;
  sqlite3_stmt* handle = nullptr;
  if (sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()),
                         keep ? SQLITE_PREPARE_PERSISTENT : 0, &handle, nullptr) != SQLITE_OK) {
    return error("cannot prepare a datastore statement");
  }
  auto statement = std::make_unique<Statement>(this, handle, keep);
  if (!keep) return sql::Lease(statement.release());
  auto& kept = statements_[std::string(sql)];
  kept = std::move(statement);
  return sql::Lease(kept.get());
}

Status Connection::error(std::string_view what) const {
  return status_of(sqlite3_extended_errcode(handle_), what, sqlite3_errmsg(handle_));
}

}  // namespace signet::datastore_sql::sqlite
