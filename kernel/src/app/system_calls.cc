#include <cerrno>
#include <cstring>
#include <memory>
#include <sched.h>
#include <seccomp.h>

#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "app/confine.h"

namespace signet::kernel {

#ifdef SIGNET_SANITIZED
Status filter_system_calls() { return {}; }
#else
namespace {

// Sorted by what they are for. Names that an architecture does not have are passed over. clone3 is
// left out: its flags cannot be looked at, and without it the C library takes clone.
constexpr const char* kAllowed[] = {
    // open files
    "read", "write", "readv", "writev", "pread64", "pwrite64", "preadv", "pwritev", "preadv2",
    "pwritev2", "lseek", "_llseek", "close", "close_range", "dup", "dup2", "dup3", "pipe", "pipe2",
    "fcntl", "fcntl64", "flock", "fsync", "fdatasync", "sync_file_range", "syncfs", "ftruncate",
    "ftruncate64", "truncate", "truncate64", "fallocate", "fadvise64", "fadvise64_64", "readahead",
    "sendfile", "sendfile64", "splice", "copy_file_range",
    // the file system
    "open", "openat", "openat2", "creat", "access", "faccessat", "faccessat2", "stat", "stat64",
    "lstat", "lstat64", "fstat", "fstat64", "fstatat64", "newfstatat", "statx", "statfs",
    "statfs64", "fstatfs", "fstatfs64", "readlink", "readlinkat", "mkdir", "mkdirat", "rmdir",
    "rename", "renameat", "renameat2", "link", "linkat", "unlink", "unlinkat", "symlink",
    "symlinkat", "chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "chown32", "lchown",
    "lchown32", "fchown", "fchown32", "fchownat", "umask", "utimensat", "utimensat_time64", "utime",
    "utimes", "futimesat", "getdents", "getdents64", "getcwd", "chdir", "fchdir", "getxattr",
    "lgetxattr", "fgetxattr", "inotify_init", "inotify_init1", "inotify_add_watch",
    "inotify_rm_watch",
    // memory
    "brk", "mmap", "mmap2", "munmap", "mremap", "mprotect", "madvise", "msync", "mincore", "mlock",
    "mlock2", "munlock", "memfd_create", "membarrier",
    // threads; clone has its rule below
    "futex", "futex_time64", "futex_waitv", "set_robust_list", "get_robust_list", "rseq",
    "set_tid_address", "set_thread_area", "arch_prctl", "prctl", "gettid", "getcpu", "exit",
    "exit_group", "sched_yield", "sched_getaffinity", "sched_setaffinity", "sched_getparam",
    "sched_getscheduler", "sched_setscheduler", "sched_get_priority_min", "sched_get_priority_max",
    "getpriority", "setpriority",
    // signals
    "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigreturn", "rt_sigpending",
    "rt_sigtimedwait", "rt_sigtimedwait_time64", "rt_sigsuspend", "rt_sigqueueinfo",
    "rt_tgsigqueueinfo", "sigaltstack", "kill", "tkill", "tgkill", "signalfd", "signalfd4", "pause",
    "restart_syscall", "wait4", "waitid", "waitpid", "pidfd_open", "pidfd_send_signal",
    // time
    "clock_gettime", "clock_gettime64", "clock_getres", "clock_getres_time64", "clock_nanosleep",
    "clock_nanosleep_time64", "nanosleep", "gettimeofday", "time", "times", "timer_create",
    "timer_settime", "timer_settime64", "timer_gettime", "timer_gettime64", "timer_delete",
    "timer_getoverrun", "timerfd_create", "timerfd_settime", "timerfd_settime64", "timerfd_gettime",
    "timerfd_gettime64", "getitimer", "setitimer", "alarm",
    // waiting
    "epoll_create", "epoll_create1", "epoll_ctl", "epoll_ctl_old", "epoll_wait", "epoll_wait_old",
    "epoll_pwait", "epoll_pwait2", "eventfd", "eventfd2", "poll", "ppoll", "ppoll_time64", "select",
    "_newselect", "pselect6", "pselect6_time64",
    // the network; socket has its rule below
    "socketpair", "bind", "listen", "accept", "accept4", "connect", "getsockname", "getpeername",
    "getsockopt", "setsockopt", "shutdown", "send", "sendto", "sendmsg", "sendmmsg", "recv",
    "recvfrom", "recvmsg", "recvmmsg", "recvmmsg_time64",
    // what the process is; limits it may only lower
    "getpid", "getppid", "getuid", "getuid32", "geteuid", "geteuid32", "getgid", "getgid32",
    "getegid", "getegid32", "getresuid", "getresuid32", "getresgid", "getresgid32", "getgroups",
    "getgroups32", "getpgrp", "getpgid", "getsid", "capget", "capset", "uname", "sysinfo",
    "getrandom", "getrlimit", "ugetrlimit", "setrlimit", "prlimit64", "getrusage",
    // to give up more
    "seccomp", "landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self"};

constexpr int kFamilies[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};

// Whether it is a terminal and how wide, non-blocking, what is there to read, interfaces by name.
constexpr scmp_datum_t kRequests[] = {TCGETS,   TIOCGWINSZ,   FIONBIO,     FIONREAD,   FIOCLEX,
                                      FIONCLEX, SIOCGIFINDEX, SIOCGIFNAME, SIOCGIFCONF};

// Adds up what the calls of libseccomp say: 0 or -errno.
struct Rules {
  scmp_filter_ctx filter;
  int failed = 0;

  template <class... Conditions>
  void allow(const char* name, Conditions... conditions) {
    const int number = seccomp_syscall_resolve_name(name);
    if (number == __NR_SCMP_ERROR || failed != 0) return;
    const int code =
        seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, sizeof...(conditions), conditions...);
    // Not of this architecture.
    if (code != 0 && code != -EDOM) failed = code;
  }
};

}  // namespace

Status filter_system_calls() {
  if (seccomp_api_get() < 2)
    return Status(Code::kUnimplemented, "this kernel cannot filter system calls of all threads");
  const std::unique_ptr<void, void (*)(scmp_filter_ctx)> filter(
      seccomp_init(SCMP_ACT_ERRNO(ENOSYS)), seccomp_release);
  if (!filter) return Status::internal("seccomp_init");
  Rules rules{filter.get()};
  for (const char* name : kAllowed) rules.allow(name);
  // Threads only: no child processes.
  rules.allow("clone", SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
  for (const int family : kFamilies) {
    rules.allow("socket", SCMP_A0(SCMP_CMP_EQ, static_cast<scmp_datum_t>(family)));
  }
  for (const scmp_datum_t request : kRequests) {
    rules.allow("ioctl", SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffff, request));
  }
  int code = rules.failed;
  if (code == 0) code = seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_TSYNC, 1);
  // A search instead of a list to walk for each call.
  if (code == 0) code = seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);
  if (code == 0) code = seccomp_load(filter.get());
  return code == 0 ? Status() : Status::internal(std::string("seccomp: ") + std::strerror(-code));
}
#endif

}  // namespace signet::kernel
