// DatabaseFile: which file a connection string names, and our hold on it.
#pragma once

#include <string>
#include <string_view>

#include "signet/fd.h"
#include "signet/status.h"

namespace signet::datastore_sql {

/// The path in a SQLite connection string: a plain path or SPIRE's "file:path?parameters".
/// Parameters are dropped: what they would set (journal, foreign keys, cache) is ours to say.
/// Errors  kInvalidArgument: empty, in memory, or read-only.
Result<std::string> sqlite_path(std::string_view connection_string);

// The open file: made with mode 0600 whatever the umask, and locked against a second
// process, whose commits this one would not hear of. The lock is flock(2), which SQLite's
// own (fcntl) locks do not meet. It must outlive every SQLite connection to the file:
// closing any descriptor of a file drops the process's fcntl locks on it.
class DatabaseFile {
 public:
  /// Errors  kFailedPrecondition: the folder is missing, not writable, or not a folder;
  ///         kUnavailable: another process holds the file; kResourceExhausted: disk full.
  static Result<DatabaseFile> open(const std::string& path);

  const std::string& path() const { return path_; }

 private:
  DatabaseFile(std::string path, Fd fd) : path_(std::move(path)), fd_(std::move(fd)) {}

  std::string path_;
  Fd fd_;
};

}  // namespace signet::datastore_sql
