#include "unix_attestor.h"

#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <unistd.h>
#include <utility>

#include <sys/stat.h>

#include "crypto/encoding.h"
#include "crypto/hash_stream.h"

namespace signet::unix_attestor {

UnixAttestor::UnixAttestor(Host host, std::string name)
    : Plugin(std::move(host), std::move(name)) {}

const void* UnixAttestor::service(std::string_view id) {
  return id == SIGNET_WORKLOAD_ATTESTOR ? workload_attestor_table<UnixAttestor>() : nullptr;
}

Status UnixAttestor::validate(Call&, std::string_view config) {
  return Config::parse(config).status();
}

Status UnixAttestor::configure(Call&, std::string_view config) {
  auto next = std::make_shared<Settings>();
  SIGNET_TRY(next->config, Config::parse(config));
  if (const char* root = std::getenv("HOST_PROC"); root != nullptr && *root != '\0') {
    next->proc_root = root;
  }
  const std::lock_guard lock(mutex_);
  settings_ = std::move(next);
  return {};
}

std::shared_ptr<const UnixAttestor::Settings> UnixAttestor::settings() {
  const std::lock_guard lock(mutex_);
  return settings_;
}

Result<std::vector<std::string>> UnixAttestor::attest(const signet_workload_peer& peer,
                                                      std::int64_t deadline_ns) {
  const auto set = settings();
  SIGNET_TRY(const auto process, process::Process::open(set->proc_root, peer));
  SIGNET_TRY(const process::Credentials who, process.credentials());

  const std::int64_t now = host().monotonic_ns();
  std::vector<std::string> selectors;
  selectors.reserve(6 + 2 * who.groups.size());
  selectors.push_back("uid:" + std::to_string(who.uid));
  if (const auto name = users_.find(who.uid, now)) selectors.push_back("user:" + *name);
  selectors.push_back("gid:" + std::to_string(who.gid));
  if (const auto name = groups_.find(who.gid, now)) selectors.push_back("group:" + *name);
  for (const std::uint32_t gid : who.groups) {
    selectors.push_back("supplementary_gid:" + std::to_string(gid));
    if (const auto name = groups_.find(gid, now)) {
      selectors.push_back("supplementary_group:" + *name);
    }
    // A user's subordinate numbers are groups enough to keep a directory server busy for long.
    if (host().monotonic_ns() > deadline_ns) {
      return Status::deadline_exceeded("looking up the names of groups took too long");
    }
  }
  if (set->config.discover_workload_path) {
    SIGNET_TRY(const Fd program, process.hold_program());
    SIGNET_TRY(const std::string path, process.path_of(program));
    selectors.push_back("path:" + path);
    if (set->config.workload_size_limit >= 0) {
      SIGNET_TRY(const std::string digest,
                 digest_of(process, program, set->config.workload_size_limit, deadline_ns));
      selectors.push_back("sha256:" + digest);
    }
    // By now it may be another program, with the IDs that the first had.
    struct stat info {};
    SIGNET_TRY(const auto by_now, process.identity_of("exe"));
    if (::fstat(program.get(), &info) != 0 || by_now != std::pair(info.st_dev, info.st_ino))
      return Status::internal("the process has become another program");
  }
  SIGNET_RETURN_IF_ERROR(process.check());
  return selectors;
}

Result<std::string> UnixAttestor::digest_of(const process::Process& process, const Fd& held,
                                            std::int64_t size_limit,
                                            std::int64_t deadline_ns) const {
  SIGNET_TRY(const Fd program, process.open_held(held));
  struct stat info {};
  if (::fstat(program.get(), &info) != 0 || !S_ISREG(info.st_mode)) {
    return Status::internal("the program is not a regular file");
  }
  const auto too_large = [&](std::int64_t size) {
    return Status::internal("the program has " + std::to_string(size) +
                            " bytes, workload_size_limit is " + std::to_string(size_limit));
  };
  if (size_limit > 0 && info.st_size > size_limit) return too_large(info.st_size);

  crypto::HashStream hash(crypto::Hash::kSha256);
  std::vector<std::uint8_t> buffer(std::size_t{256} << 10);
  std::int64_t total = 0;
  while (true) {
    const ssize_t n = ::read(program.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      return Status::internal("cannot read the program: " + std::generic_category().message(errno));
    }
    if (n == 0) break;
    total += n;
    if (size_limit > 0 && total > size_limit) return too_large(total);  // it grew meanwhile
    hash.update({buffer.data(), static_cast<std::size_t>(n)});
    if (host().monotonic_ns() > deadline_ns) {
      return Status::deadline_exceeded("hashing the program took too long");
    }
  }
  return crypto::hex_encode(hash.finish());
}

}  // namespace signet::unix_attestor
