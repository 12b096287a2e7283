// A folder with a CA in it, for tests.
#pragma once

#include <filesystem>
#include <fstream>
#include <stdlib.h>
#include <string>

#include <sys/stat.h>

#include "config.h"
#include "x509/ca.h"
#include "x509/certificate_builder.h"
#include "x509/pem.h"

namespace signet::disk_upstream {

inline constexpr std::int64_t kNow = 1'700'000'000;  // the fake host's clock

inline TrustDomain example() { return TrustDomain::parse("example.org").value(); }

struct Ca {
  crypto::PrivateKey key;
  x509::Certificate certificate;
};

inline Ca make_root(std::chrono::seconds ttl = std::chrono::hours(240)) {
  auto key = crypto::PrivateKey::generate(crypto::KeyType::kEcP256).value();
  auto certificate = x509::self_sign_ca(example(), {.now = x509::from_unix(kNow), .ttl = ttl},
                                        crypto::PrivateKeySigner(key));
  return {key, certificate.value()};
}
inline Ca make_intermediate(const Ca& issuer) {
  auto key = crypto::PrivateKey::generate(crypto::KeyType::kEcP384).value();
  auto certificate =
      x509::sign_downstream_ca(example(), {.now = x509::from_unix(kNow)}, key.public_key().spki(),
                               issuer.certificate, crypto::PrivateKeySigner(issuer.key));
  return {key, certificate.value()};
}

class CaFolder {
 public:
  CaFolder() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "upstream_disk_XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~CaFolder() { std::filesystem::remove_all(path_); }
  CaFolder(const CaFolder&) = delete;
  CaFolder& operator=(const CaFolder&) = delete;

  /// Replaces the file as a whole, as tools that renew certificates do.
  void write(const std::string& name, std::string_view text, mode_t mode = 0600) const {
    const std::filesystem::path file = path_ / name;
    const std::string fresh = file.string() + ".new";
    std::ofstream(fresh, std::ios::binary) << text;
    ::chmod(fresh.c_str(), mode);
    std::filesystem::rename(fresh, file);
  }
  void write_key(const crypto::PrivateKey& key, mode_t mode = 0600) const {
    write("key.pem", key.to_pem().text(), mode);
  }
  void write(const Ca& ca) const {
    write("cert.pem", x509::write_pem(ca.certificate));
    write_key(ca.key);
  }
  Config config(bool bundle = false) const {
    return {path_ / "cert.pem", path_ / "key.pem", bundle ? path_ / "bundle.pem" : ""};
  }
  std::string json(bool bundle = false) const {
    const Config paths = config(bundle);
    return R"({"cert_file_path": ")" + paths.cert_file.string() + R"(", "key_file_path": ")" +
           paths.key_file.string() + R"(", "bundle_file_path": ")" + paths.bundle_file.string() +
           "\"}";
  }

 private:
  std::filesystem::path path_;
};

}  // namespace signet::disk_upstream
