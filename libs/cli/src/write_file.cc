#include "cli/write_file.h"

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <unistd.h>

#include <sys/stat.h>

#include "cli/go_text.h"

namespace signet::cli {
namespace {

Status failed(const char* what, const std::string& path) {
  return Status(Code::kUnknown, std::string(what) + " " + path + ": " + go_errno(errno));
}

Status fill(int fd, const std::string& path, std::string_view content) {
  while (!content.empty()) {
    const ssize_t n = write(fd, content.data(), content.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return failed("write", path);
    content.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

Status write_in_place(const std::string& path, std::string_view content, unsigned mode) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
  if (fd < 0) return failed("open", path);
  Status status = fill(fd, path, content);
  if (close(fd) != 0 && status.ok()) status = failed("close", path);
  return status;
}

void sync_folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const int fd = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  fsync(fd);
  close(fd);
}

}  // namespace

Status write_file(const std::string& path, std::string_view content, unsigned mode) {
  std::string target = path;
  struct stat info {};
  if (stat(path.c_str(), &info) == 0) {
    if (!S_ISREG(info.st_mode)) return write_in_place(path, content, mode);
    char real[PATH_MAX];
    if (realpath(path.c_str(), real) != nullptr) target = real;
  }
  std::string temporary = target + ".XXXXXX";
  const int fd = mkostemp(temporary.data(), O_CLOEXEC);
  if (fd < 0) {
    // The folder may be closed to us and the file in it open.
    if (errno == EACCES || errno == EROFS || errno == EPERM) {
      return write_in_place(path, content, mode);
    }
    return failed("open", path);
  }
  Status status = fill(fd, path, content);
  // mkostemp gives 0600. The mode is set outright, not narrowed by the umask: what is public
  // here is public by nature.
  if (status.ok() && (fchmod(fd, mode) != 0 || fsync(fd) != 0)) status = failed("write", path);
  if (close(fd) != 0 && status.ok()) status = failed("close", path);
  if (status.ok() && rename(temporary.c_str(), target.c_str()) != 0) {
    status = failed("open", path);
  }
  if (!status.ok()) {
    unlink(temporary.c_str());
    return status;
  }
  sync_folder_of(target);
  return {};
}

std::string clean_path(const std::string& path) {
  if (path.empty()) return path;
  std::string clean = std::filesystem::path(path).lexically_normal().string();
  while (clean.size() > 1 && clean.back() == '/') clean.pop_back();
  return clean;
}

std::string join_path(const std::string& folder, const std::string& name) {
  return clean_path(folder.empty() ? name : folder + "/" + name);
}

}  // namespace signet::cli
