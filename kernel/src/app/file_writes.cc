#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "app/confine.h"
#include "app/every_thread.h"

namespace signet::kernel {

#ifdef SIGNET_SANITIZED
Status confine_writes(const std::vector<std::string>&) { return {}; }
#else
namespace {

constexpr std::uint64_t kTruncate = 1 << 14;  // LANDLOCK_ACCESS_FS_TRUNCATE of later headers

// Of one folder's files and of the folders below.
constexpr std::uint64_t kWrite = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
                                 LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR |
                                 LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |
                                 LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_SYM;
// Allowed nowhere.
constexpr std::uint64_t kNever =
    LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK;

// Read and written by the signal handler: the rules, and the threads that keep to them.
int g_rules = -1;
std::array<std::atomic<pid_t>, 4096> g_kept;
std::atomic<std::size_t> g_count{0};
std::atomic<int> g_error{0};

bool lacks_rules(pid_t thread) {
  const auto end =
      g_kept.begin() + static_cast<std::ptrdiff_t>(std::min(g_count.load(), g_kept.size()));
  return std::find(g_kept.begin(), end, thread) == end;
}

// Once: a thread that was slow has been asked many times, and sixteen sets of rules are the most.
void keep_to_rules() {
  const auto self = static_cast<pid_t>(syscall(SYS_gettid));
  if (!lacks_rules(self)) return;
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      syscall(SYS_landlock_restrict_self, g_rules, 0) != 0) {
    g_error = errno;
  }
  const std::size_t at = g_count.fetch_add(1);
  if (at < g_kept.size()) g_kept[at] = self;
}

Status failed(const std::string& what, int error) {
  return Status::internal("landlock: " + what + ": " + std::strerror(error));
}

Status allow(int rules, const std::string& path, std::uint64_t access) {
  const int fd = open(path.c_str(), O_PATH | O_CLOEXEC);
  if (fd < 0) return failed(path, errno);
  landlock_path_beneath_attr beneath = {};
  beneath.allowed_access = access;
  beneath.parent_fd = fd;
  const long done = syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0);
  const int error = errno;
  close(fd);
  return done == 0 ? Status() : failed(path, error);
}

}  // namespace

Status confine_writes(const std::vector<std::string>& folders) {
  const long version =
      syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (version < 1)
    return Status(Code::kUnimplemented, std::string("landlock: ") + std::strerror(errno));
  // Without REFER no file can change its folder at all; without TRUNCATE any can be emptied.
  std::uint64_t writing = kWrite;
  if (version >= 2) writing |= LANDLOCK_ACCESS_FS_REFER;
  if (version >= 3) writing |= kTruncate;
  landlock_ruleset_attr handled = {};
  handled.handled_access_fs = writing | kNever;
  g_rules = static_cast<int>(syscall(SYS_landlock_create_ruleset, &handled, sizeof handled, 0));
  if (g_rules < 0) return failed("create_ruleset", errno);
  Status done = allow(g_rules, "/dev/null", LANDLOCK_ACCESS_FS_WRITE_FILE);
  for (const std::string& folder : folders) {
    if (done.ok()) done = allow(g_rules, folder, writing);
  }
  if (done.ok() && !on_every_thread(keep_to_rules, lacks_rules))
    done = Status::internal("landlock: a thread did not answer");
  if (done.ok() && g_error != 0) done = failed("restrict_self", g_error);
  close(g_rules);
  return done;
}
#endif

}  // namespace signet::kernel
