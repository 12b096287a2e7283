#include "config/reader.h"

#include <cerrno>
#include <fcntl.h>
#include <string>
#include <system_error>
#include <unistd.h>

#include "config/expand_env.h"
#include "cursor.h"
#include "utf8.h"

namespace signet::config {
namespace {

Status file_error(const std::string& path, int error) {
  const Code code = error == ENOENT                     ? Code::kNotFound
                    : error == EACCES || error == EPERM ? Code::kPermissionDenied
                                                        : Code::kUnavailable;
  return Status(code, "cannot read " + path + ": " +
                          std::error_code(error, std::generic_category()).message());
}

Result<std::string> read_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return file_error(path, errno);
  std::string text;
  char buffer[16384];
  ssize_t got = 0;
  while (text.size() <= kMaxBytes) {
    got = ::read(fd, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    text.append(buffer, static_cast<std::size_t>(got));
  }
  const int error = errno;
  ::close(fd);
  if (got < 0) return file_error(path, error);
  return text;
}

}  // namespace

Status check_text(std::string_view text, std::string_view file) {
  if (text.size() > kMaxBytes) {
    return Status::resource_exhausted(std::string(file) + ": larger than " +
                                      std::to_string(kMaxBytes) + " bytes");
  }
  Cursor cursor(text, file);
  while (!cursor.at_end()) {
    const std::size_t length = utf8_length(cursor.rest());
    if (length == 0) return error_at(cursor.position(), "not UTF-8 text");
    if (cursor.peek() == '\0') return error_at(cursor.position(), "unexpected NUL");
    cursor.skip(length);
  }
  return {};
}

Syntax guess_syntax(std::string_view file, std::string_view text) {
  if (file.ends_with(".yaml") || file.ends_with(".yml")) return Syntax::kYaml;
  if (file.ends_with(".json")) return Syntax::kJson;
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  return first != text.npos && text[first] == '{' ? Syntax::kJson : Syntax::kHcl;
}

Result<ConfigNode> parse_text(std::string_view text, std::string_view file) {
  switch (guess_syntax(file, text)) {
    case Syntax::kYaml:
      return parse_yaml(text, file);
    case Syntax::kJson:
      return parse_json(text, file);
    case Syntax::kHcl:
      break;
  }
  return parse_hcl(text, file);
}

Result<ConfigNode> load_file(const std::string& path, bool expand) {
  SIGNET_TRY(std::string text, read_file(path));
  return parse_text(expand ? expand_env(text) : text, path);
}

}  // namespace signet::config
