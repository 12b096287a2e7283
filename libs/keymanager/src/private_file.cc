#include "keymanager/private_file.h"

#include <cerrno>
#include <fcntl.h>
#include <string>
#include <system_error>
#include <unistd.h>

#include <sys/stat.h>

#include "signet/fd.h"

namespace signet::keymanager {
namespace {

namespace fs = std::filesystem;

Status system_error(Code code, const std::string& what, const fs::path& path) {
  const std::string reason = std::generic_category().message(errno);
  return Status(code, what + " " + path.string() + ": " + reason).with("reason", reason);
}

fs::path parent_of(const fs::path& path) {
  const fs::path parent = path.parent_path();
  return parent.empty() ? fs::path(".") : parent;
}

Status write_all(int fd, crypto::ByteView content, const fs::path& path) {
  while (!content.empty()) {
    const ssize_t n = ::write(fd, content.data(), content.size());
    if (n < 0) {
      if (errno == EINTR) continue;
      return system_error(Code::kUnavailable, "cannot write", path);
    }
    content = content.subspan(static_cast<std::size_t>(n));
  }
  return {};
}

Status write_new_file(const fs::path& path, crypto::ByteView content) {
  // A leftover of a crash, or a link somebody laid: it goes, and O_EXCL makes our own.
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
    return system_error(Code::kUnavailable, "cannot remove", path);
  }
  const Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd) return system_error(Code::kUnavailable, "cannot create", path);
  SIGNET_RETURN_IF_ERROR(write_all(fd.get(), content, path));
  if (::fsync(fd.get()) != 0) return system_error(Code::kUnavailable, "cannot sync", path);
  return {};
}

}  // namespace

Result<crypto::SecretBytes> read_private_file(const fs::path& path, std::size_t max_size) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) {
    return system_error(errno == ENOENT ? Code::kNotFound : Code::kUnavailable, "cannot open",
                        path);
  }
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return system_error(Code::kUnavailable, "cannot read", path);
  if (!S_ISREG(info.st_mode)) {
    return Status::invalid_argument(path.string() + " is not a regular file");
  }
  if (static_cast<std::uintmax_t>(info.st_size) > max_size) {
    return Status::invalid_argument(path.string() + " is larger than " + std::to_string(max_size) +
                                    " bytes");
  }
  crypto::SecretBytes content(static_cast<std::size_t>(info.st_size));
  std::size_t filled = 0;
  while (filled < content.size()) {
    const ssize_t n = ::read(fd.get(), content.data() + filled, content.size() - filled);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_error(Code::kUnavailable, "cannot read", path);
    if (n == 0) return Status::unavailable(path.string() + " became shorter while it was read");
    filled += static_cast<std::size_t>(n);
  }
  return content;
}

Status replace_private_file(const fs::path& path, crypto::ByteView content) {
  const fs::path temporary = path.string() + ".tmp";
  if (Status status = write_new_file(temporary, content); !status.ok()) {
    ::unlink(temporary.c_str());
    return status;
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    Status status = system_error(Code::kUnavailable, "cannot replace", path);
    ::unlink(temporary.c_str());
    return status;
  }
  const fs::path folder = parent_of(path);
  const Fd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0) {
    return system_error(Code::kUnavailable, "cannot sync", folder);
  }
  return {};
}

Status ensure_private_folder(const fs::path& folder) {
  fs::path made;
  for (const fs::path& part : folder) {
    made /= part;
    if (::mkdir(made.c_str(), 0700) == 0 || errno == EEXIST) continue;
    // An upper folder that one may not write in is fine as long as it is there.
    Status status = system_error(Code::kUnavailable, "cannot make the folder", made);
    std::error_code ignored;
    if (!fs::is_directory(made, ignored)) return status;
  }
  const fs::path probe = folder / ".probe";
  Status status = write_new_file(probe, {});
  ::unlink(probe.c_str());
  return status;
}

}  // namespace signet::keymanager
