#include "loader/trust_walk.h"

#include <cstdio>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include <sys/stat.h>

namespace signet::kernel {
namespace {

Result<std::vector<std::string>> split_path(const std::string& path) {
  if (path.empty() || path[0] != '/') {
    return Status::invalid_argument("\"" + path + "\" is not an absolute path");
  }
  std::vector<std::string> parts;
  std::size_t at = 0;
  while (at < path.size()) {
    std::size_t end = path.find('/', at);
    if (end == std::string::npos) end = path.size();
    std::string part = path.substr(at, end - at);
    at = end + 1;
    if (part.empty() || part == ".") continue;
    if (part == ".." || part.find('\0') != std::string::npos) {
      return Status::invalid_argument("\"" + path + "\" has a part that is not allowed");
    }
    parts.push_back(std::move(part));
  }
  return parts;
}

std::string mode_text(mode_t mode) {
  char text[8];
  std::snprintf(text, sizeof text, "%04o", static_cast<unsigned>(mode & 07777));
  return text;
}

std::string owner_text(uid_t uid) {
  if (uid == 0) return "root";
  return "uid " + std::to_string(uid);
}

bool ours(const struct stat& info) { return info.st_uid == 0 || info.st_uid == geteuid(); }

Status check_owner(const std::string& part, const struct stat& info) {
  if (ours(info)) return {};
  return Status::permission_denied("not trusted: " + part + " belongs to " +
                                   owner_text(info.st_uid) + " (mode " + mode_text(info.st_mode) +
                                   "), not to root or to " + owner_text(geteuid()) +
                                   "; cure: chown root " + part);
}

Status check_mode(const std::string& part, const struct stat& info) {
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) == 0) return {};
  const bool world = (info.st_mode & S_IWOTH) != 0;
  return Status::permission_denied("not trusted: " + part + " is " +
                                   (world ? "world-writable" : "group-writable") + " (owner " +
                                   owner_text(info.st_uid) + ", mode " + mode_text(info.st_mode) +
                                   "); cure: chmod " + (world ? "go-w " : "g-w ") + part);
}

Status system_error(const std::string& part, int error) {
  const std::string text = part + ": " + strerror(error);  // NOLINT(concurrency-mt-unsafe)
  return error == ENOENT || error == ENOTDIR ? Status::not_found(text)
                                             : Status::permission_denied(text);
}

// Walks to the directory that holds the last part. `sticky`: that directory is root's sticky
// one, so the last part's owner alone decides.
struct Walked {
  Fd directory;
  std::string last;
  std::string path;
  bool sticky = false;
};

Result<Walked> walk(const std::string& path) {
  SIGNET_TRY(const std::vector<std::string> parts, split_path(path));
  Fd at(open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  std::string so_far = "/";
  bool sticky = false;
  for (std::size_t i = 0;; ++i) {
    struct stat info {};
    if (at.get() < 0 || fstat(at.get(), &info) != 0) return system_error(so_far, errno);
    if (S_ISLNK(info.st_mode)) {
      return Status::invalid_argument("not trusted: " + so_far +
                                      " is a symbolic link; name the real path");
    }
    if (!S_ISDIR(info.st_mode)) return Status::not_found(so_far + " is not a directory");
    SIGNET_RETURN_IF_ERROR(check_owner(so_far, info));
    sticky = (info.st_mode & S_ISVTX) != 0 && info.st_uid == 0;
    if (!sticky) SIGNET_RETURN_IF_ERROR(check_mode(so_far, info));
    if (i + 1 >= parts.size()) {
      return Walked{std::move(at), parts.empty() ? "." : parts.back(), path, sticky};
    }
    // A link is opened itself (O_PATH), so that the message can say that it is one.
    so_far += (so_far.back() == '/' ? "" : "/") + parts[i];
    at = Fd(openat(at.get(), parts[i].c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  }
}

}  // namespace

Result<Fd> open_trusted_file(const std::string& path) {
  SIGNET_TRY(const Walked walked, walk(path));
  // O_NONBLOCK: opening a FIFO must not hang before fstat says what it is.
  Fd file(openat(walked.directory.get(), walked.last.c_str(),
                 O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (file.get() < 0) {
    if (errno == ELOOP) {
      return Status::invalid_argument("not trusted: " + path +
                                      " is a symbolic link; name the real path");
    }
    return system_error(path, errno);
  }
  struct stat info {};
  if (fstat(file.get(), &info) != 0) return system_error(path, errno);
  if (!S_ISREG(info.st_mode)) return Status::invalid_argument(path + " is not a regular file");
  SIGNET_RETURN_IF_ERROR(check_owner(path, info));
  SIGNET_RETURN_IF_ERROR(check_mode(path, info));
  if ((info.st_mode & (S_ISUID | S_ISGID)) != 0) {
    return Status::permission_denied("not trusted: " + path + " is setuid or setgid (mode " +
                                     mode_text(info.st_mode) + "); cure: chmod ug-s " + path);
  }
  return file;
}

Result<Fd> open_trusted_directory(const std::string& path) {
  SIGNET_TRY(const Walked walked, walk(path));
  Fd directory(openat(walked.directory.get(), walked.last.c_str(),
                      O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (directory.get() < 0) return system_error(path, errno);
  struct stat info {};
  if (fstat(directory.get(), &info) != 0) return system_error(path, errno);
  SIGNET_RETURN_IF_ERROR(check_owner(path, info));
  SIGNET_RETURN_IF_ERROR(check_mode(path, info));
  return directory;
}

}  // namespace signet::kernel
