#include "disk_upstream.h"

#include "settings/settings.h"
#include "sign_ca.h"

namespace signet::disk_upstream {
namespace {

constexpr std::chrono::seconds kLookEvery{5};

UpstreamRoots roots_of(const AuthorityFiles& files) {
  UpstreamRoots roots;
  for (const x509::Certificate& root : files.roots) {
    roots.push_back({crypto::to_string(root.der()), false});
  }
  return roots;
}

}  // namespace

const void* DiskUpstream::service(std::string_view id) {
  return id == SIGNET_UPSTREAM_AUTHORITY ? upstream_authority_table<DiskUpstream>() : nullptr;
}

Status DiskUpstream::validate(Call&, std::string_view config) {
  return Config::parse(config).status();
}

Status DiskUpstream::configure(Call& call, std::string_view json) {
  SIGNET_TRY(Config config, Config::parse(json));
  SIGNET_TRY(TrustDomain trust_domain, settings::shared_trust_domain(host()));
  const FileMarks marks = mark_files(config);
  SIGNET_TRY(AuthorityFiles files, AuthorityFiles::load(config, now()));
  for (const std::string& warning : files.warnings) {
    call.note("/key_file_path", warning, false);
  }
  const std::lock_guard lock(mutex_);
  loaded_ = std::make_shared<const Loaded>(
      Loaded{std::move(config), std::move(trust_domain), std::move(files)});
  marks_ = marks;
  return {};
}

Status DiskUpstream::start(Call&) {
  feed().open();
  return timer_.start_every(host(), kLookEvery, [this] {
    if (!feed().followed()) return;
    if (const Status status = refresh(); !status.ok()) {
      host().log_status(LogLevel::kError, "Upstream authority is not usable", status);
    }
  });
}

Status DiskUpstream::drain(Call&) {
  timer_.stop();
  feed().close();
  return {};
}

Status DiskUpstream::stop(Call&) {
  timer_.stop();
  feed().close();
  return {};
}

Result<DiskUpstream::LoadedPtr> DiskUpstream::current() {
  const std::lock_guard lock(mutex_);
  if (!loaded_) return Status::failed_precondition("not configured");
  const FileMarks marks = mark_files(loaded_->config);
  if (marks == marks_) return loaded_;
  marks_ = marks;
  auto files = AuthorityFiles::load(loaded_->config, now());
  if (!files) {
    host().log_status(LogLevel::kError,
                      "Upstream authority files changed and cannot be used; the old ones stay",
                      files.status());
    return loaded_;
  }
  for (const std::string& warning : files->warnings) {
    host().warn("Upstream authority files", {{"reason", warning}});
  }
  loaded_ = std::make_shared<const Loaded>(
      Loaded{loaded_->config, loaded_->trust_domain, std::move(*files)});
  host().info("Upstream authority files reloaded",
              {{"serial_num", loaded_->files.ca().serial_decimal()},
               Field::time("expiration", x509::to_unix(loaded_->files.ca().not_after()))});
  return loaded_;
}

Result<MintedX509Ca> DiskUpstream::mint_x509(std::string_view csr, std::int64_t ttl_s) {
  SIGNET_TRY(const LoadedPtr loaded, current());
  const AuthorityFiles& files = loaded->files;
  SIGNET_TRY(const x509::Certificate signed_ca,
             sign_ca(loaded->trust_domain, files.ca(), files.key, crypto::as_bytes(csr),
                     std::chrono::seconds(ttl_s), now()));
  MintedX509Ca minted;
  minted.chain.push_back(crypto::to_string(signed_ca.der()));
  for (const x509::Certificate& certificate : files.intermediates()) {
    minted.chain.push_back(crypto::to_string(certificate.der()));
  }
  minted.roots = roots_of(files);
  return minted;
}

Status DiskUpstream::refresh() {
  SIGNET_TRY(const LoadedPtr loaded, current());
  feed().set_roots(roots_of(loaded->files));
  return {};
}

}  // namespace signet::disk_upstream
