#include "tls_identity.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>
#include <utility>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sys/mman.h>

namespace signet::rpc_grpc {
namespace {

constexpr int64_t kIdentityTimeoutNs = 10'000'000'000;
constexpr unsigned kLookEveryS = 1;

Result<int> file_with(const std::string& text) {
  const int fd = memfd_create("signet-tls", MFD_CLOEXEC);
  if (fd < 0 || write(fd, text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    const int error = errno;
    if (fd >= 0) close(fd);
    return Status::unavailable(std::string("cannot make a file in memory: ") +
                               std::strerror(error));
  }
  return fd;
}

}  // namespace

std::string to_pem(std::string_view der) {
  std::string base64((der.size() + 2) / 3 * 4 + 1, '\0');
  const int n = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(base64.data()),
                                reinterpret_cast<const unsigned char*>(der.data()),
                                static_cast<int>(der.size()));
  std::string out = "-----BEGIN CERTIFICATE-----\n";
  for (int at = 0; at < n; at += 64)
    out.append(base64, static_cast<std::size_t>(at), std::min(64, n - at)) += '\n';
  return out + "-----END CERTIFICATE-----\n";
}

std::vector<std::string> from_pem(std::string_view pem) {
  std::vector<std::string> out;
  BIO* bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  char* name = nullptr;
  char* header = nullptr;
  unsigned char* data = nullptr;
  long size = 0;
  while (bio && PEM_read_bio(bio, &name, &header, &data, &size) == 1) {
    if (std::strcmp(name, PEM_STRING_X509) == 0)
      out.emplace_back(reinterpret_cast<char*>(data), static_cast<std::size_t>(size));
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_free(data);
  }
  BIO_free(bio);
  return out;
}

TlsIdentity::~TlsIdentity() {
  provider_.reset();
  if (fd_ >= 0) close(fd_);
}

Status TlsIdentity::install(const Identity& identity) {
  SIGNET_TRY(std::unique_ptr<EngineKey> key, EngineKey::create(owner_, identity));
  std::string text = key->reference() + "\n";
  for (const std::string& der : identity.chain) text += to_pem(der);
  SIGNET_TRY(const int fd, file_with(text));
  std::lock_guard lock(mutex_);
  if (fd_ < 0) {
    fd_ = fd;
    const std::string path = "/proc/self/fd/" + std::to_string(fd_);
    provider_ = std::make_shared<grpc::experimental::FileWatcherCertificateProvider>(path, path,
                                                                                     kLookEveryS);
  } else {
    // Under the same number stands another file from one moment to the next.
    if (dup3(fd, fd_, O_CLOEXEC) < 0) {
      const int error = errno;
      close(fd);
      return Status::unavailable(std::string("cannot swap the certificate: ") +
                                 std::strerror(error));
    }
    close(fd);
  }
  old_key_ = std::exchange(key_, std::move(key));
  return {};
}

void TlsIdentity::ask(std::function<void(Status)> done) {
  auto self = shared_from_this();
  ask_identity(owner_, acceptor_, self_, owner_.host.monotonic_ns() + kIdentityTimeoutNs,
               [self, done = std::move(done)](Result<Identity> identity) {
                 done(identity ? self->install(*identity) : identity.status());
               });
}

Status TlsIdentity::load() {
  struct Wait {
    std::mutex mutex;
    std::condition_variable changed;
    bool done = false;
    Status status;
  };
  auto wait = std::make_shared<Wait>();
  ask([wait](Status status) {
    std::lock_guard lock(wait->mutex);
    wait->status = std::move(status);
    wait->done = true;
    wait->changed.notify_all();
  });
  std::unique_lock lock(wait->mutex);
  wait->changed.wait(lock, [&] { return wait->done; });
  return wait->status;
}

void TlsIdentity::reload() {
  {
    std::lock_guard lock(mutex_);
    if (stopping_) return;
    if (std::exchange(asking_, true)) {
      ask_again_ = true;
      return;
    }
  }
  const auto finished = [self = shared_from_this()](Status status) {
    if (!status.ok())
      self->owner_.host.log_status(LogLevel::kError, "Failed to load the new TLS certificate",
                                   status);
    bool again = false;
    {
      std::lock_guard lock(self->mutex_);
      self->asking_ = false;
      again = std::exchange(self->ask_again_, false);
      self->quiet_.notify_all();
    }
    if (again) self->reload();
  };
  if (const Status s =
          owner_.host.post([self = shared_from_this(), finished] { self->ask(finished); });
      !s.ok()) {
    finished(s);
  }
}

void TlsIdentity::stop() {
  std::unique_lock lock(mutex_);
  stopping_ = true;
  quiet_.wait(lock, [&] { return !asking_; });
}

bool TlsIdentity::loaded() const {
  std::lock_guard lock(mutex_);
  return fd_ >= 0;
}

std::shared_ptr<grpc::experimental::CertificateProviderInterface> TlsIdentity::provider() const {
  std::lock_guard lock(mutex_);
  return provider_;
}

}  // namespace signet::rpc_grpc
