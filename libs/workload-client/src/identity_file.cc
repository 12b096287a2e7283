#include "identity_file.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>

#include <sys/mman.h>
#include <sys/stat.h>

#include "x509/pem.h"

namespace signet::workload_client {
namespace {

Status failed(const char* what) {
  return Status::internal(std::string("cannot ") + what +
                          " the identity's memory file: " + std::strerror(errno));
}

Status write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return failed("write");
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Result<Fd> make_file(const X509Svid& svid, int version) {
  Fd fd(memfd_create("signet-identity", MFD_CLOEXEC));
  if (!fd) return failed("make");
  if (fchmod(fd.get(), S_IRUSR) != 0) return failed("protect");
  const crypto::SecretBytes key = crypto::write_secret_pem("PRIVATE KEY", svid.private_key->view());
  SIGNET_RETURN_IF_ERROR(write_all(fd.get(), key.text()));
  SIGNET_RETURN_IF_ERROR(write_all(fd.get(), x509::write_pem(svid.chain)));
  const timespec times[2] = {{version, 0}, {version, 0}};
  if (futimens(fd.get(), times) != 0) return failed("mark");
  return fd;
}

}  // namespace

IdentityFile::IdentityFile(Fd fd)
    : fd_(std::move(fd)), path_("/proc/self/fd/" + std::to_string(fd_.get())) {}

Result<std::unique_ptr<IdentityFile>> IdentityFile::create(const X509Svid& svid) {
  SIGNET_TRY(Fd fd, make_file(svid, 1));
  auto file = std::unique_ptr<IdentityFile>(new IdentityFile(std::move(fd)));
  if (access(file->path_.c_str(), R_OK) != 0) return failed("open (is /proc mounted?)");
  return file;
}

Status IdentityFile::replace(const X509Svid& svid) {
  SIGNET_TRY(const Fd next, make_file(svid, version_ + 1));
  // The number stays and names the new file from one moment to the next; the old one is gone.
  if (dup3(next.get(), fd_.get(), O_CLOEXEC) < 0) return failed("replace");
  ++version_;
  return {};
}

}  // namespace signet::workload_client
