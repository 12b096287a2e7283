#include "postgres.h"

#include <algorithm>
#include <charconv>
#include <exception>

#include "crypto/hash.h"

namespace signet::datastore_sql::postgres {
namespace {

constexpr std::size_t kMaxKeptStatements = 128;
constexpr unsigned kBytea = 17;           // its type's number in pg_type
constexpr std::size_t kFirstPiece = 200;  // rows of the first fetch of a large answer
constexpr std::size_t kMostInPiece = 5000;
constexpr std::size_t kPieceBytes = std::size_t{1} << 20;  // about
constexpr pqxx::result::size_type kSampledRow = 16;  // each of so many tells how long rows are
// A B-tree takes no value of more than 2,704 bytes. What is longer than this is searched for
// by its beginning and its digest, which no shorter value can look like.
constexpr std::size_t kLongestKey = 1024;

void append_be32(std::string& out, std::size_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift & 0xff);
}

std::string searchable(std::string_view value) {
  if (value.size() <= kLongestKey) return std::string(value);
  std::string out(value.substr(0, kLongestKey));
  const crypto::Digest digest = crypto::sha256(value);
  out.append(reinterpret_cast<const char*>(digest.view().data()), digest.size());
  return out;
}

pqxx::binarystring value_of(std::string_view bytes) { return {bytes.data(), bytes.size()}; }

// "?" becomes "$1", "$2", ...
std::string numbered(std::string_view sql) {
  std::string out;
  out.reserve(sql.size() + 32);
  int n = 0;
  for (const char c : sql) {
    if (c == '?') {
      out += '$';
      out += std::to_string(++n);
    } else {
      out += c;
    }
  }
  return out;
}

int nibble(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// bytea as text: "\x" and hex digits.
void decode_hex(std::string_view text, std::string& out) {
  out.clear();
  if (text.starts_with("\\x")) text.remove_prefix(2);
  out.resize(text.size() / 2);
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = static_cast<char>(nibble(text[2 * i]) << 4 | nibble(text[2 * i + 1]));
  }
}

// libpq's "ERROR:  words\nDETAIL:  ..."; details may hold values.
std::string_view first_line(std::string_view message) {
  message = message.substr(0, message.find('\n'));
  const std::size_t words = message.find(":  ");
  return words == std::string_view::npos ? message : message.substr(words + 3);
}

// libpqxx leaves the SQLSTATE out where the class of the exception stands for it.
std::string sqlstate_of(const pqxx::sql_error& error) {
  if (!error.sqlstate().empty()) return error.sqlstate();
  if (dynamic_cast<const pqxx::disk_full*>(&error)) return "53100";
  if (dynamic_cast<const pqxx::insufficient_resources*>(&error)) return "53000";
  if (dynamic_cast<const pqxx::insufficient_privilege*>(&error)) return "42501";
  if (dynamic_cast<const pqxx::feature_not_supported*>(&error)) return "0A000";
  if (dynamic_cast<const pqxx::invalid_sql_statement_name*>(&error)) return "26000";
  return {};
}

}  // namespace

Code code_of(std::string_view sqlstate) {
  if (sqlstate == "53100") return Code::kResourceExhausted;                   // disk full
  if (sqlstate == "42501") return Code::kFailedPrecondition;                  // no right
  if (sqlstate == "26000" || sqlstate == "0A000") return Code::kUnavailable;  // prepared anew
  for (const std::string_view family : {"08", "25", "40", "53", "55", "57", "58"}) {
    if (sqlstate.starts_with(family)) return Code::kUnavailable;
  }
  return Code::kInternal;
}

// ---- Statement

Statement::Statement(Connection* connection, std::string sql, std::string name, bool large)
    : connection_(connection), sql_(std::move(sql)), name_(std::move(name)), large_(large) {}

Statement::Statement(Connection* connection, const pqxx::result& result)
    : connection_(connection), large_(false), executed_(true), result_(result) {}

Statement& Statement::bind(std::int64_t value) {
  char bytes[8];
  for (int i = 0; i < 8; ++i) {
    bytes[i] = static_cast<char>(static_cast<std::uint64_t>(value) >> (56 - 8 * i) & 0xff);
  }
  values_.push_back(value_of({bytes, sizeof bytes}));
  return *this;
}

Statement& Statement::bind_text(std::string_view value) {
  values_.push_back(value_of(value));
  return *this;
}

Statement& Statement::bind_key(std::string_view value) {
  if (value.size() <= kLongestKey) return bind_text(value);
  return bind_text(searchable(value));
}

Statement& Statement::bind_keys(std::span<const std::string_view> values) {
  std::string array;
  append_be32(array, values.empty() ? 0 : 1);  // dimensions
  append_be32(array, 0);                       // no nulls
  append_be32(array, kBytea);
  if (!values.empty()) {
    append_be32(array, values.size());
    append_be32(array, 1);  // the first index
  }
  for (const std::string_view value : values) {
    const std::string key = searchable(value);
    append_be32(array, key.size());
    array += key;
  }
  return bind_text(array);
}

Status Statement::execute() {
  executed_ = true;
  next_ = 0;
  const auto values = pqxx::prepare::make_dynamic_params(values_);
  if (large_) {
    cursor_ = "c" + std::to_string(++connection_->names_);
    const std::string sql = "DECLARE " + cursor_ + " BINARY NO SCROLL CURSOR FOR " + sql_;
    Status declared =
        connection_
            ->run(sql, connection_->limit_, [&](auto& tx) { return tx.exec_params(sql, values); })
            .status();
    if (!declared.ok()) {
      cursor_.clear();
      return declared;
    }
    pieces_ = kFirstPiece;
    return fetch();
  }
  auto done = connection_->run(sql_, connection_->limit_, [&](auto& tx) {
    return name_.empty() ? tx.exec_params(sql_, values) : tx.exec_prepared(name_, values);
  });
  if (done) result_ = *done;
  return done.status();
}

Status Statement::fetch() {
  const std::string sql = "FETCH " + std::to_string(pieces_) + " FROM " + cursor_;
  auto done = connection_->run(sql, connection_->limit_, [&](auto& tx) { return tx.exec(sql); });
  SIGNET_RETURN_IF_ERROR(done.status());
  result_ = *done;
  next_ = 0;
  asked_ = pieces_;
  std::size_t looked_at = 0;
  std::size_t bytes = 0;
  for (pqxx::result::size_type n = 0; n < result_.size(); n += kSampledRow, ++looked_at) {
    for (const auto& field : result_[n]) bytes += field.size();
  }
  if (looked_at != 0) {
    const std::size_t fit = kPieceBytes / (bytes / looked_at + 1);
    pieces_ = std::clamp<std::size_t>(fit, 1, kMostInPiece);
  }
  return {};
}

Result<bool> Statement::step() {
  if (!executed_) SIGNET_RETURN_IF_ERROR(execute());
  if (next_ == result_.size() && !cursor_.empty() && result_.size() == asked_) {
    SIGNET_RETURN_IF_ERROR(fetch());
  }
  if (next_ >= result_.size()) return false;
  row_ = result_[next_++];
  // Never while the row is read: a short string's bytes would move with it.
  cells_.resize(result_.columns());
  return true;
}

Result<std::uint64_t> Statement::run() {
  SIGNET_RETURN_IF_ERROR(execute());
  return static_cast<std::uint64_t>(result_.affected_rows());
}

void Statement::rewind() {
  // What is exhausted goes with the transaction.
  if (!cursor_.empty() && result_.size() == asked_ && connection_->in_transaction()) {
    (void)connection_->exec("CLOSE " + cursor_);
  }
  cursor_.clear();
  values_.clear();
  result_ = pqxx::result();
  row_ = pqxx::row();
  executed_ = false;
}

std::int64_t Statement::integer(int column) const {
  const pqxx::field field = row_[static_cast<pqxx::row::size_type>(column)];
  const std::string_view bytes(field.c_str(), field.size());
  if (!cursor_.empty()) {  // big-endian, four or eight bytes
    std::uint64_t value = bytes.empty() || !(bytes[0] & 0x80) ? 0 : ~std::uint64_t{0};
    for (const char c : bytes) value = value << 8 | static_cast<unsigned char>(c);
    return static_cast<std::int64_t>(value);
  }
  std::int64_t value = 0;
  std::from_chars(bytes.data(), bytes.data() + bytes.size(), value);
  return value;
}

std::string_view Statement::text(int column) const {
  const pqxx::field field = row_[static_cast<pqxx::row::size_type>(column)];
  const std::string_view bytes(field.c_str(), field.size());  // as long as result_
  if (!cursor_.empty() || field.type() != kBytea) return bytes;
  const auto place = static_cast<std::size_t>(column);
  decode_hex(bytes, cells_[place]);
  return cells_[place];
}

void Statement::give_back() {
  rewind();
  if (!kept_) {
    delete this;
    return;
  }
  leased_ = false;
}

// ---- Connection

class Connection::Listener final : public pqxx::notification_receiver {
 public:
  Listener(pqxx::connection& session, const std::string& channel,
           std::function<void(const std::string&)> fn)
      : notification_receiver(session, channel), fn_(std::move(fn)) {}
  void operator()(const std::string& payload, int) override { fn_(payload); }

 private:
  const std::function<void(const std::string&)> fn_;
};

Connection::Connection(const ConnectionString& where, const Trace& trace)
    : where_(where), trace_(trace) {}

Result<std::unique_ptr<Connection>> Connection::open(const ConnectionString& where,
                                                     Watchdog& watchdog, const Trace& trace) {
  std::unique_ptr<Connection> connection(new Connection(where, trace));
  const Status opened = connection->guarded([&] {
    pqxx::connection& session = connection->session_.emplace(where.to_libpq());
    connection->quiet_.emplace(session);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    // A session made anew in the middle of a transaction would commit each statement by itself.
    session.inhibit_reactivation(true);
#pragma GCC diagnostic pop
    connection->slot_.emplace(watchdog, session.sock());
  });
  if (!opened.ok()) {
    return Status(Code::kUnavailable, opened.message())
        .prefixed("cannot reach PostgreSQL at " + where.name());
  }
  // A pooler makes up a process number of its own.
  SIGNET_TRY(auto pid, connection->query("SELECT pg_backend_pid()", connection->limit_));
  SIGNET_TRY(const bool row, pid->step());
  connection->pooled_ = row && pid->integer(0) != connection->session_->backendpid();
  return connection;
}

Connection::~Connection() {
  statements_.clear();
  try {
    listener_.reset();
    slot_.reset();
    quiet_.reset();
    session_.reset();
  } catch (const std::exception&) {  // it is gone either way
  }
}

template <typename F>
Status Connection::guarded(F&& fn) {
  try {
    fn();
    return {};
  } catch (const pqxx::broken_connection& e) {
    broken_ = true;
    return failed("08006", e.what());
  } catch (const pqxx::sql_error& e) {
    return failed(sqlstate_of(e), e.what());
  } catch (const pqxx::transaction_rollback& e) {
    return failed("40001", e.what());
  } catch (const pqxx::pqxx_exception& e) {
    return failed("", e.base().what());
  } catch (const std::exception& e) {
    return failed("", e.what());
  }
}

Status Connection::failed(std::string_view sqlstate, const char* message) {
  if (session_ && !session_->is_open()) broken_ = true;
  // Read-only: another host may be the primary now. Prepared statements that the server has
  // forgotten, or whose tables have changed: to be prepared anew.
  if (sqlstate == "25006" || sqlstate == "26000" || sqlstate == "0A000") broken_ = true;
  const Code code = broken_ ? Code::kUnavailable : code_of(sqlstate);
  std::string words(first_line(message));
  if (sqlstate == "25006") words = "the database is read-only";
  if (sqlstate == "55P03") words = "no turn to write to the datastore within the time allowed";
  if (words.empty()) words = "the connection to PostgreSQL was lost";
  Status status(code, where_.redacted(words));
  if (sqlstate.empty()) return status;
  return std::move(status).with("sqlstate", std::string(sqlstate));
}

// Keeps track of where in a transaction the session is: libpqxx does not say.
void Connection::ran(std::string_view sql, bool well) {
  if (!well) {
    if (state_ != State::kIdle || sql.starts_with("BEGIN")) state_ = State::kFailed;
    return;
  }
  if (sql.starts_with("BEGIN") || sql.starts_with("ROLLBACK TO")) state_ = State::kOpen;
  if (sql.ends_with("COMMIT") || sql == "ROLLBACK") state_ = State::kIdle;
}

template <typename F>
Result<pqxx::result> Connection::run(std::string_view sql, std::chrono::milliseconds limit,
                                     F&& fn) {
  if (broken_) return Status::unavailable("the connection to PostgreSQL was lost");
  if (trace_) trace_(sql);
  pqxx::result result;
  slot_->arm(limit);
  const Status done = guarded([&] {
    pqxx::nontransaction tx(*session_);  // BEGIN and COMMIT are ours to say
    result = fn(tx);
  });
  slot_->disarm();
  ran(sql, done.ok());
  if (!done.ok()) return done.prefixed("datastore statement failed");
  return result;
}

Status Connection::exec(const std::string& sql) {
  return run(sql, limit_, [&](auto& tx) { return tx.exec(sql); }).status();
}

Status Connection::exec_each(std::initializer_list<std::string_view> sql) {
  std::string joined;
  for (const std::string_view text : sql) {
    if (!joined.empty()) joined += "; ";
    joined += text;
  }
  return exec(joined);
}

Result<sql::Lease> Connection::query(const std::string& sql, std::chrono::milliseconds limit) {
  SIGNET_TRY(const pqxx::result result, run(sql, limit, [&](auto& tx) { return tx.exec(sql); }));
  return sql::Lease(new Statement(this, result));
}

Result<sql::Lease> Connection::prepare(std::string_view sql, bool keep) {
  const auto found = statements_.find(sql);
  if (found != statements_.end() && !found->second->leased_) {
    found->second->leased_ = true;
    return sql::Lease(found->second.get());
  }
  keep = keep && !pooled_ && found == statements_.end() && !broken_ &&
         statements_.size() < kMaxKeptStatements;
  if (!keep) return sql::Lease(new Statement(this, numbered(sql), "", false));
  const std::string name = "s" + std::to_string(++names_);
  auto statement = std::make_unique<Statement>(this, numbered(sql), name, false);
  statement->kept_ = true;
  // Told to the server when it is first run.
  SIGNET_RETURN_IF_ERROR(guarded([&] { session_->prepare(name, statement->sql_); }));
  auto& kept = statements_[std::string(sql)];
  kept = std::move(statement);
  return sql::Lease(kept.get());
}

Result<sql::Lease> Connection::prepare_large(std::string_view sql, bool) {
  return sql::Lease(new Statement(this, numbered(sql), "", true));
}

Status Connection::roll_back() {
  if (state_ == State::kIdle || broken_) return {};
  return exec("ROLLBACK");
}

Status Connection::listen(const std::string& channel, std::function<void(const std::string&)> fn) {
  slot_->arm(limit_);
  Status done =
      guarded([&] { listener_ = std::make_unique<Listener>(*session_, channel, std::move(fn)); });
  slot_->disarm();
  return done;
}

Status Connection::notifications() {
  return guarded([&] { session_->get_notifs(); });
}

int Connection::socket() const { return session_->sock(); }

}  // namespace signet::datastore_sql::postgres
