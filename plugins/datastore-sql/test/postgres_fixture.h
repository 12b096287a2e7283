// PostgresServer: a PostgreSQL of the test's own, in a folder of its own, on a Unix socket there.
//
// It ends with its object, and with the test's process however that ends.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "postgres_store.h"

namespace signet::datastore_sql {

class PostgresServer {
 public:
  struct Options {
    bool durable = false;               // fsync
    std::vector<std::string> settings;  // "name=value", of postgresql.conf
    bool tcp = false;                   // on 127.0.0.1 too, on port()
  };

  /// One for the whole program, not durable.
  static PostgresServer& shared();
  /// Whether this machine has PostgreSQL's programs.
  static bool installed();

  explicit PostgresServer(Options options);
  /// A standby of `primary`, which must have been started with TCP and wal_level=replica.
  static std::unique_ptr<PostgresServer> standby_of(const PostgresServer& primary);
  ~PostgresServer();
  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;

  void start();
  /// SIGKILL to every process of it.
  void kill();
  /// Waits for its sessions to be cut.
  void stop_fast();
  void pause();    // SIGSTOP to every process
  void resume();   // SIGCONT
  void promote();  // a standby becomes a primary; returns when it takes writes

  const std::string& folder() const { return folder_; }
  int port() const { return port_; }
  pid_t pid() const { return pid_; }
  /// A connection string: an empty database, or the one of this name.
  std::string new_database();
  std::string where(const std::string& database) const;
  /// Runs SQL in a database; the first field of the last row, or "".
  std::string sql(const std::string& database, const std::string& text) const;

 private:
  PostgresServer() = default;
  void make_folder();
  void wait_ready() const;
  void signal_all(int signal) const;

  Options options_;
  std::string folder_;
  int port_ = 5432;  // names the socket; of TCP only when asked for
  pid_t pid_ = -1;
  int databases_ = 0;
};

// pgbouncer in transaction mode before a PostgresServer; three sessions for all its clients.
class Pooler {
 public:
  static bool installed();
  explicit Pooler(const PostgresServer& server);
  ~Pooler();
  Pooler(const Pooler&) = delete;
  Pooler& operator=(const Pooler&) = delete;

  std::string where(const std::string& database) const;

 private:
  std::string folder_;
  int port_ = 0;
  pid_t pid_ = -1;
};

/// Defaults of the store for a connection string.
PostgresStore::Options store_options(const std::string& where);

/// The name after "dbname=".
std::string database_of(const std::string& where);

/// Waits until `done`, at most 30 s.
bool eventually(const std::function<bool()>& done);

}  // namespace signet::datastore_sql
