#include <algorithm>
#include <array>
#include <cstdlib>
#include <fcntl.h>
#include <unistd.h>

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "app/confine.h"
#include "app/every_thread.h"

namespace signet::kernel {
namespace {

// By their numbers in linux/capability.h.
constexpr std::array<std::string_view, 41> kNames = {"chown",
                                                     "dac_override",
                                                     "dac_read_search",
                                                     "fowner",
                                                     "fsetid",
                                                     "kill",
                                                     "setgid",
                                                     "setuid",
                                                     "setpcap",
                                                     "linux_immutable",
                                                     "net_bind_service",
                                                     "net_broadcast",
                                                     "net_admin",
                                                     "net_raw",
                                                     "ipc_lock",
                                                     "ipc_owner",
                                                     "sys_module",
                                                     "sys_rawio",
                                                     "sys_chroot",
                                                     "sys_ptrace",
                                                     "sys_pacct",
                                                     "sys_admin",
                                                     "sys_boot",
                                                     "sys_nice",
                                                     "sys_resource",
                                                     "sys_time",
                                                     "sys_tty_config",
                                                     "mknod",
                                                     "lease",
                                                     "audit_write",
                                                     "audit_control",
                                                     "setfcap",
                                                     "mac_override",
                                                     "mac_admin",
                                                     "syslog",
                                                     "wake_alarm",
                                                     "block_suspend",
                                                     "audit_read",
                                                     "perfmon",
                                                     "bpf",
                                                     "checkpoint_restore"};

// Read by the signal handler.
std::uint64_t g_kept = 0;

// The C library gives no thread another's capabilities, so each drops its own. Only system calls:
// this runs in a signal handler.
void drop_own() {
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  for (unsigned long number = 0; number < 64; ++number) {
    if ((g_kept >> number & 1) == 0) prctl(PR_CAPBSET_DROP, number, 0, 0, 0);
  }
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  if (syscall(SYS_capget, &header, data) == 0) {
    for (int half = 0; half < 2; ++half) {
      const auto kept = static_cast<std::uint32_t>(g_kept >> (32 * half));
      data[half].permitted &= kept;
      data[half].effective &= kept;
      data[half].inheritable = 0;
    }
    syscall(SYS_capset, &header, data);
  }
}

std::string status_of(pid_t thread) {
  const std::string path = "/proc/self/task/" + std::to_string(thread) + "/status";
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {};
  std::array<char, 4096> text;
  const ssize_t size = read(fd, text.data(), text.size());
  close(fd);
  return {text.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0))};
}

// Whether the thread still has what it must give up. One that ended has nothing.
bool has_more(pid_t thread) {
  const std::string status = status_of(thread);
  const auto mask = [&](std::string_view name) {
    const std::size_t at = status.find(name);
    return at == std::string::npos ? 0 : std::strtoull(&status[at + name.size()], nullptr, 16);
  };
#ifdef SIGNET_SANITIZED  // the runtime's own thread never takes a signal; one that starts, soon
  static int blocked = 0;
  if ((mask("SigBlk:\t") >> (kAskSignal - 1) & 1) != 0 && ++blocked > 200) return false;
#endif
  const std::uint64_t held =
      mask("CapInh:\t") | mask("CapPrm:\t") | mask("CapEff:\t") | mask("CapAmb:\t");
  return !status.empty() &&
         ((held & ~g_kept) != 0 || status.find("NoNewPrivs:\t0") != std::string::npos);
}

}  // namespace

Result<std::uint64_t> parse_capabilities(const std::vector<std::string>& names) {
  std::uint64_t mask = 0;
  for (const std::string& name : names) {
    const auto* const at = std::find(kNames.begin(), kNames.end(), name);
    if (at == kNames.end()) return Status::invalid_argument("there is no capability " + name);
    mask |= std::uint64_t{1} << (at - kNames.begin());
  }
  return mask;
}

Result<std::uint64_t> capabilities_kept_by_environment() {
  const char* text = std::getenv("SIGNET_KEEP_CAPABILITIES");  // NOLINT(concurrency-mt-unsafe)
  std::vector<std::string> names;
  for (std::string_view left = text == nullptr ? "" : text; !left.empty();) {
    const std::size_t end = std::min(left.find(','), left.size());
    if (end > 0) names.emplace_back(left.substr(0, end));
    left.remove_prefix(std::min(end + 1, left.size()));
  }
  auto mask = parse_capabilities(names);
  if (!mask.ok()) return mask.status().prefixed("SIGNET_KEEP_CAPABILITIES");
  return mask;
}

Status drop_capabilities(std::uint64_t kept) {
  g_kept = kept;
  if (on_every_thread(drop_own, has_more)) return {};
  return Status::internal("threads keep their capabilities; is /proc mounted?");
}

}  // namespace signet::kernel
