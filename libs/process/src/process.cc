#include "process/process.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <fcntl.h>
#include <optional>
#include <poll.h>
#include <string_view>
#include <system_error>
#include <unistd.h>
#include <utility>

#include <linux/limits.h>

namespace signet::process {
namespace {

// 65536 groups, the kernel's limit, of up to 11 characters each fit in.
constexpr std::size_t kMaxStatusSize = std::size_t{1} << 20;
constexpr std::size_t kMaxStatSize = 4096;

Status system_error(const std::string& what, const signet_workload_peer& peer) {
  const std::string reason = std::generic_category().message(errno);
  return Status::internal(what + " of process " + std::to_string(peer.pid) + ": " + reason);
}

// The link to an open file, whose text is the kernel's own, as that of /proc/PID/exe is.
std::string link_to(const Fd& file) { return "/proc/self/fd/" + std::to_string(file.get()); }

Status ended(const signet_workload_peer& peer) {
  return Status::internal("process " + std::to_string(peer.pid) + " has ended");
}

template <typename Number>
std::optional<Number> number(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return {};
  return value;
}

// Takes the next word off `line`; "" at its end.
std::string_view next_word(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
  const std::string_view word = line.substr(0, line.find_first_of(" \t"));
  line.remove_prefix(word.size());
  return word;
}

// The rest of the line that begins with `label`. The kernel escapes line ends in the name of a
// process, so none of these lines can be forged.
std::optional<std::string_view> line_of(std::string_view status, std::string_view label) {
  std::size_t at = 0;
  while (at < status.size()) {
    const std::size_t end = std::min(status.find('\n', at), status.size());
    const std::string_view line = status.substr(at, end - at);
    if (line.starts_with(label)) return line.substr(label.size());
    at = end + 1;
  }
  return {};
}

Result<std::uint32_t> effective_id(std::string_view status, std::string_view label) {
  if (auto line = line_of(status, label)) {
    next_word(*line);  // the real id
    if (const auto id = number<std::uint32_t>(next_word(*line))) return *id;
  }
  return Status::internal("no " + std::string(label) + " in the status of a process");
}

}  // namespace

Result<Credentials> parse_status(std::string_view status) {
  Credentials out;
  SIGNET_TRY(out.uid, effective_id(status, "Uid:"));
  SIGNET_TRY(out.gid, effective_id(status, "Gid:"));
  if (auto line = line_of(status, "Groups:")) {
    for (auto word = next_word(*line); !word.empty(); word = next_word(*line)) {
      const auto id = number<std::uint32_t>(word);
      if (!id) return Status::internal("a supplementary group is not a number");
      out.groups.push_back(*id);
    }
  }
  return out;
}

Result<std::uint64_t> parse_start_time(std::string_view stat) {
  // "PID (name) S ...": the name may hold anything, a ')' too; field 3 follows the last one.
  const std::size_t name_end = stat.rfind(')');
  if (name_end != std::string_view::npos) {
    std::string_view rest = stat.substr(name_end + 1);
    for (int field = 3; field < 22; ++field) next_word(rest);
    if (const auto time = number<std::uint64_t>(next_word(rest))) return *time;
  }
  return Status::internal("no start time in the stat of a process");
}

Result<Fd> Process::open_folder(const std::string& proc_root, const signet_workload_peer& peer) {
  if (peer.pid <= 0) return Status::invalid_argument("no process to attest");
  const std::string path = proc_root + "/" + std::to_string(peer.pid);
  Fd folder(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!folder) return errno == ENOENT ? ended(peer) : system_error("cannot open the folder", peer);
  return folder;
}

Result<Process> Process::open_now(const std::string& proc_root, std::int32_t pid) {
  const signet_workload_peer peer = {sizeof(signet_workload_peer), pid, -1, 0, 0, 0, 0};
  SIGNET_TRY(Fd folder, open_folder(proc_root, peer));
  return Process(std::move(folder), peer, false);
}

Result<Process> Process::open(const std::string& proc_root, const signet_workload_peer& peer) {
  SIGNET_TRY(Fd folder, open_folder(proc_root, peer));
  // A pidfd says nothing about numbers in a /proc of another PID namespace.
  const bool by_start_time = peer.pidfd < 0 || proc_root != "/proc";
  Process process(std::move(folder), peer, by_start_time);
  SIGNET_RETURN_IF_ERROR(process.check());
  return process;
}

Status Process::check() const {
  if (peer_.pidfd >= 0) {
    pollfd ended_when_readable{peer_.pidfd, POLLIN, 0};
    if (::poll(&ended_when_readable, 1, 0) != 0) return ended(peer_);
  }
  if (by_start_time_) {
    SIGNET_TRY(const std::uint64_t now, start_time());
    if (now != peer_.start_time) return ended(peer_);
  }
  return {};
}

Result<std::uint64_t> Process::start_time() const {
  SIGNET_TRY(const std::string stat, read("stat", kMaxStatSize));
  return parse_start_time(stat);
}

Result<struct stat> Process::look_at(const char* name) const {
  struct stat info {};
  if (::fstatat(folder_.get(), name, &info, *name == '\0' ? AT_EMPTY_PATH : 0) != 0)
    return system_error(std::string("cannot look at ") + (*name == '\0' ? "the folder" : name),
                        peer_);
  return info;
}

Result<std::pair<dev_t, ino_t>> Process::identity_of(const char* name) const {
  SIGNET_TRY(const struct stat info, look_at(name));
  return std::pair(info.st_dev, info.st_ino);
}

Result<Credentials> Process::credentials() const {
  SIGNET_TRY(const std::string status, read("status", kMaxStatusSize));
  return parse_status(status);
}

Result<Fd> Process::hold_program() const {
  Fd program(::openat(folder_.get(), "exe", O_PATH | O_CLOEXEC));
  if (!program) return system_error("cannot open the program", peer_);
  return program;
}

Result<std::string> Process::path_of(const Fd& program) const {
  char path[PATH_MAX];
  const ssize_t size = ::readlink(link_to(program).c_str(), path, sizeof(path));
  if (size < 0) return system_error("cannot read the path", peer_);
  if (static_cast<std::size_t>(size) == sizeof(path)) {
    return Status::internal("the path of process " + std::to_string(peer_.pid) + " is too long");
  }
  return std::string(path, static_cast<std::size_t>(size));
}

Result<Fd> Process::open_held(const Fd& program) const {
  Fd opened(::open(link_to(program).c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!opened) return system_error("cannot read the program", peer_);
  return opened;
}

Result<std::string> Process::read(const char* name, std::size_t max_size) const {
  const Fd file(::openat(folder_.get(), name, O_RDONLY | O_CLOEXEC));
  if (!file) return system_error(std::string("cannot open ") + name, peer_);
  std::string content;
  std::size_t filled = 0;
  std::size_t room = 2048;  // enough but for very many groups
  while (true) {
    content.resize(filled + room);
    const ssize_t n = ::read(file.get(), content.data() + filled, room);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_error(std::string("cannot read ") + name, peer_);
    filled += static_cast<std::size_t>(n);
    if (n == 0) break;  // a table, such as the mounts, comes in pieces
    if (filled > max_size) {
      return Status::internal(std::string(name) + " of process " + std::to_string(peer_.pid) +
                              " is too large");
    }
    room = std::max<std::size_t>(2048, filled);
  }
  content.resize(filled);
  return content;
}

}  // namespace signet::process
