// SpireDatabase: a SPIRE server's database, opened so that not a byte of it changes.
//
// Everything is read at one moment: inside one transaction. A SQLite file that its server left in
// good order is read without locks and without the files that SQLite would lay beside it; where a
// killed server left its log, that is folded into a copy.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "signet/status.h"

#include "config.h"
#include "sql.h"
#include "watchdog.h"

namespace signet::datastore_sql {

class SpireDatabase {
 public:
  struct Options {
    bool live = false;    // a server may be running on it
    std::string scratch;  // folder for a copy
  };
  /// Errors   kFailedPrecondition, kUnavailable
  static Result<std::unique_ptr<SpireDatabase>> open(const Config& config, const Options& options);
  virtual ~SpireDatabase() = default;
  SpireDatabase(const SpireDatabase&) = delete;
  SpireDatabase& operator=(const SpireDatabase&) = delete;

  const std::string& name() const { return name_; }
  std::int64_t schema() const { return schema_; }
  const std::string& content() const { return content_; }
  sql::Connection& connection() { return *connection_; }

  /// Errors   kFailedPrecondition: somebody else uses it, or has changed it since open()
  virtual Status check_idle() = 0;

 protected:
  explicit SpireDatabase(std::string name) : name_(std::move(name)) {}
  /// Begins the transaction that all is read in, and looks whether it is what it should be.
  /// connection   the derived class's, for it must close before what it needs there
  Status begin(sql::Connection& connection, const char* begin_sql);
  Status refused(const std::string& reason) const;

 private:
  const std::string name_;
  std::int64_t schema_ = 0;
  std::string content_;
  sql::Connection* connection_ = nullptr;
};

}  // namespace signet::datastore_sql
