#include "database_file.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <unistd.h>
#include <utility>

#include <sys/file.h>
#include <sys/stat.h>

namespace signet::datastore_sql {
namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && hex_value(text[i + 1]) >= 0 &&
        hex_value(text[i + 2]) >= 0) {
      out += static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

bool has_parameter(std::string_view parameters, std::string_view wanted) {
  while (!parameters.empty()) {
    const auto end = parameters.find('&');
    if (parameters.substr(0, end) == wanted) return true;
    parameters = end == std::string_view::npos ? "" : parameters.substr(end + 1);
  }
  return false;
}

Status cannot_open(const std::string& path, int error) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  const std::string file = "datastore file \"" + path + "\"";
  switch (error) {
    case ENOENT:
      return Status::failed_precondition(file + ": its folder \"" +
                                         (folder.empty() ? "." : folder) + "\" does not exist");
    case ENOTDIR:
      return Status::failed_precondition(file + ": \"" + folder + "\" is not a folder");
    case ENOSPC:
    case EDQUOT:
      return Status::resource_exhausted(file + " cannot be made: no space left");
    default:
      return Status::failed_precondition(file +
                                         " cannot be opened for writing: " + std::strerror(error));
  }
}

}  // namespace

Result<std::string> sqlite_path(std::string_view connection_string) {
  std::string path(connection_string);
  if (connection_string.starts_with("file:")) {
    std::string_view rest = connection_string.substr(5);
    std::string_view parameters;
    rest = rest.substr(0, rest.find('#'));
    if (const auto at = rest.find('?'); at != std::string_view::npos) {
      parameters = rest.substr(at + 1);
      rest = rest.substr(0, at);
    }
    if (rest.starts_with("//")) {  // file:///abs and file://localhost/abs
      const auto slash = rest.find('/', 2);
      rest = slash == std::string_view::npos ? std::string_view() : rest.substr(slash);
    }
    path = percent_decoded(rest);
    if (has_parameter(parameters, "mode=memory")) path = ":memory:";
    if (has_parameter(parameters, "mode=ro") || has_parameter(parameters, "immutable=1")) {
      return Status::invalid_argument("connection_string opens the datastore read-only");
    }
  }
  if (path.empty()) return Status::invalid_argument("connection_string names no file");
  if (path.starts_with(":memory:")) {
    return Status::invalid_argument(
        "connection_string names an in-memory database, which would forget every identity at a "
        "restart; name a file");
  }
  if (path.find('\0') != std::string::npos) {
    return Status::invalid_argument("connection_string holds a NUL byte");
  }
  return path;
}

Result<DatabaseFile> DatabaseFile::open(const std::string& path) {
  Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0600));
  if (fd) {
    (void)::fchmod(fd.get(), 0600);  // a strange umask may have taken bits from the owner
  } else if (errno == EEXIST) {
    fd = Fd(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  }
  if (!fd) return cannot_open(path, errno);
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode)) {
    return Status::failed_precondition("datastore file \"" + path + "\" is not a regular file");
  }
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) {
      return Status::unavailable("datastore file \"" + path + "\" is in use by another process");
    }
    return cannot_open(path, errno);
  }
  return DatabaseFile(path, std::move(fd));
}

}  // namespace signet::datastore_sql
