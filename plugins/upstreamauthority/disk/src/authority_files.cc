#include "authority_files.h"

#include <algorithm>

#include <sys/stat.h>

#include "keymanager/private_file.h"
#include "x509/pem.h"
#include "x509/verify.h"

namespace signet::disk_upstream {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxFileBytes = 1024 * 1024;
constexpr std::size_t kMaxRoots = 1000;

Status about(const Status& status, const char* setting, const fs::path& path) {
  return status.prefixed(std::string(setting) + " \"" + path.string() + "\"");
}

Result<std::vector<x509::Certificate>> read_certificates(const char* setting,
                                                         const fs::path& path) {
  auto text = keymanager::read_private_file(path, kMaxFileBytes);
  if (!text) return about(text.status(), setting, path);
  auto certificates = x509::read_pem_certificates(text->text());
  if (!certificates) return about(certificates.status(), setting, path);
  return certificates;
}

// A key that others can replace is not a secret that means anything; one that they can read is a
// mistake, but a common one (Kubernetes mounts secrets so), and only told.
Result<crypto::PrivateKey> read_key(const fs::path& path, std::vector<std::string>& warnings) {
  constexpr const char* kSetting = "key_file_path";
  auto text = keymanager::read_private_file(path, kMaxFileBytes);
  if (!text) return about(text.status(), kSetting, path);
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0) {
    if ((info.st_mode & 022) != 0) {
      return about(Status::invalid_argument("the key can be overwritten by other users"), kSetting,
                   path);
    }
    if ((info.st_mode & 044) != 0) {
      warnings.push_back("the key " + path.string() + " can be read by other users");
    }
  }
  auto key = crypto::PrivateKey::from_pem(text->text());
  if (!key) return about(key.status(), kSetting, path);
  return key;
}

Status check_ca(const x509::Certificate& ca, const crypto::PrivateKey& key, x509::Time now) {
  if (!crypto::equal(ca.spki(), key.public_key().spki())) {
    return Status::invalid_argument("the certificate and the key do not belong together");
  }
  if (!ca.is_ca()) return Status::invalid_argument("the certificate is not a CA");
  if (ca.key_usage() && (*ca.key_usage() & x509::kKeyCertSign) == 0) {
    return Status::invalid_argument("the CA certificate lacks key usage keyCertSign");
  }
  if (ca.basic_constraints()->path_length == 0u) {
    return Status::invalid_argument("the CA certificate allows no CA below it (path length 0)");
  }
  if (now < ca.not_before()) return Status::invalid_argument("the CA certificate is not valid yet");
  if (now >= ca.not_after()) return Status::invalid_argument("the CA certificate has expired");
  return {};
}

}  // namespace

FileMarks mark_files(const Config& config) {
  using keymanager::FileMark;
  return {FileMark::of(config.cert_file), FileMark::of(config.key_file),
          FileMark::of(config.bundle_file)};
}

std::vector<x509::Certificate> AuthorityFiles::intermediates() const {
  std::vector<x509::Certificate> out;
  std::copy_if(chain.begin(), chain.end(), std::back_inserter(out), [&](const auto& certificate) {
    return std::find(roots.begin(), roots.end(), certificate) == roots.end();
  });
  return out;
}

Result<AuthorityFiles> AuthorityFiles::load(const Config& config, x509::Time now) {
  std::vector<std::string> warnings;
  SIGNET_TRY(auto chain, read_certificates("cert_file_path", config.cert_file));
  SIGNET_TRY(crypto::PrivateKey key, read_key(config.key_file, warnings));
  if (Status status = check_ca(chain.front(), key, now); !status.ok()) {
    return about(status, "cert_file_path", config.cert_file);
  }
  std::vector<x509::Certificate> roots;
  if (config.bundle_file.empty()) {
    if (chain.size() != 1 || !chain.front().self_issued()) {
      return about(Status::invalid_argument("without bundle_file_path this must be one self-signed "
                                            "certificate"),
                   "cert_file_path", config.cert_file);
    }
    roots = chain;
  } else {
    SIGNET_TRY(roots, read_certificates("bundle_file_path", config.bundle_file));
    if (roots.size() > kMaxRoots) {
      return about(Status::invalid_argument("more than 1000 certificates"), "bundle_file_path",
                   config.bundle_file);
    }
    for (const x509::Certificate& root : roots) {
      if (root.is_ca()) continue;
      return about(
          Status::invalid_argument("certificate " + root.serial_decimal() + " is not a CA"),
          "bundle_file_path", config.bundle_file);
    }
  }
  if (auto path = x509::verify_path(chain, x509::RootPool(roots), {now}); !path) {
    return about(path.status().prefixed("the CA certificate does not lead to a root"),
                 "cert_file_path", config.cert_file);
  }
  return AuthorityFiles{std::move(chain), std::move(key), std::move(roots), std::move(warnings)};
}

}  // namespace signet::disk_upstream
