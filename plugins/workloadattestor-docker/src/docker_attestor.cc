#include "docker_attestor.h"

#include <algorithm>
#include <charconv>
#include <thread>
#include <utility>

namespace signet::docker {
namespace {

using process::CgroupLine;
using process::Process;
using std::chrono::milliseconds;

constexpr const char* kProc = "/proc";
constexpr std::size_t kMaxCgroupBytes = std::size_t{64} << 10;
constexpr std::size_t kMaxMountInfoBytes = std::size_t{4} << 20;
constexpr milliseconds kMostInAll{10'000};
constexpr milliseconds kFirstWait{100};
constexpr int kRetries = 3;

bool of_podman(std::string_view path) {
  return path.find("libpod-") != std::string_view::npos ||
         path.find("/libpod/") != std::string_view::npos;
}

// The user below whose slice the path is, by its first "user-<number>.slice". Further ones may be
// that user's own work.
std::optional<std::uint32_t> user_of(std::string_view path) {
  constexpr std::string_view kBefore = "/user-";
  constexpr std::string_view kAfter = ".slice/";
  for (std::size_t at = path.find(kBefore); at != std::string_view::npos;
       at = path.find(kBefore, at + 1)) {
    const std::string_view rest = path.substr(at + kBefore.size());
    std::uint32_t uid = 0;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), uid);
    if (error != std::errc()) continue;
    if (rest.substr(static_cast<std::size_t>(end - rest.data())).starts_with(kAfter)) return uid;
  }
  return std::nullopt;
}

Status elsewhere(const std::string& container_id) {
  return Status::failed_precondition("the process is not in the container that it is said to be in")
      .with("container_id", container_id);
}

bool worth_another_try(const Status& status) {
  return status.code() == Code::kUnavailable || status.code() == Code::kInternal;
}

}  // namespace

DockerAttestor::DockerAttestor(Host host, std::string name)
    : Plugin(std::move(host), std::move(name)) {}

const void* DockerAttestor::service(std::string_view id) {
  return id == SIGNET_WORKLOAD_ATTESTOR ? workload_attestor_table<DockerAttestor>() : nullptr;
}

Status DockerAttestor::validate(Call&, std::string_view config) {
  return Config::parse(config).status();
}

Status DockerAttestor::configure(Call&, std::string_view config) {
  SIGNET_TRY(Config next, Config::parse(config));
  const std::lock_guard lock(mutex_);
  config_ = std::make_shared<const Config>(std::move(next));
  return {};
}

std::shared_ptr<const Config> DockerAttestor::config() {
  const std::lock_guard lock(mutex_);
  return config_;
}

milliseconds DockerAttestor::left(std::int64_t deadline_ns) const {
  return std::chrono::duration_cast<milliseconds>(
      std::chrono::nanoseconds(deadline_ns - host().monotonic_ns()));
}

Result<std::vector<std::string>> DockerAttestor::attest(const signet_workload_peer& peer,
                                                        std::int64_t deadline_ns) {
  const auto config = this->config();
  if (!config) return Status::failed_precondition("not configured");
  deadline_ns = std::min(deadline_ns, host().deadline_in(kMostInAll));
  SIGNET_TRY(const Process process, Process::open(kProc, peer));
  SIGNET_TRY(const Place place, find_place(*config, process));
  Container container;
  if (!place.container_id.empty()) {
    SIGNET_TRY(container, inspect(*config, process, place, deadline_ns));
  }
  SIGNET_RETURN_IF_ERROR(process.check());
  return std::move(container.selectors);
}

// The cgroups come first: a process may mount what it likes, and seldom choose its cgroups.
Result<DockerAttestor::Place> DockerAttestor::find_place(const Config& config,
                                                         const Process& process) const {
  Place place;
  SIGNET_TRY(place.cgroup, process.read("cgroup", kMaxCgroupBytes));
  SIGNET_TRY(const std::vector<CgroupLine> lines, process::parse_cgroup(place.cgroup));
  std::vector<std::string_view> paths;
  for (const CgroupLine& line : lines) {
    paths.push_back(line.path);
    if (config.verbose) host().debug("PID cgroup enumerated", {{"path", line.path}});
  }
  SIGNET_TRY(process::ContainerMatch match, process::merge_containers(paths, config.finder));
  std::string mounts;
  if (match.container_id.empty() && config.look_at_mounts) {
    SIGNET_TRY(mounts, process.read("mountinfo", kMaxMountInfoBytes));
    SIGNET_TRY(paths, process::cgroup_mount_roots(mounts));
    for (const std::string_view root : paths) {
      if (config.verbose) host().debug("PID mount enumerated", {{"root", root}});
    }
    SIGNET_TRY(match, process::merge_containers(paths, config.finder));
    place.by_mounts = true;
  }
  place.container_id = std::move(match.container_id);
  for (const std::string_view path : paths) {
    if (!config.finder(path) || !of_podman(path)) continue;
    place.podman = true;
    if (!place.podman_user) place.podman_user = user_of(path);
  }
  return place;
}

// Tried again while the engine may not know yet what it has just started.
Result<Container> DockerAttestor::inspect(const Config& config, const Process& process,
                                          const Place& place, std::int64_t deadline_ns) const {
  milliseconds wait = kFirstWait;
  for (int retries = 0;; ++retries) {
    Result<Container> container = inspect_once(config, process, place, deadline_ns);
    if (container || retries == kRetries || !worth_another_try(container.status()) ||
        left(deadline_ns) <= wait) {
      return container;
    }
    host().debug("Docker error", {{"error", container.status().message()}});
    std::this_thread::sleep_for(wait);
    wait *= 2;
    SIGNET_RETURN_IF_ERROR(process.check());
  }
}

Result<Container> DockerAttestor::inspect_once(const Config& config, const Process& process,
                                               const Place& place, std::int64_t deadline_ns) const {
  std::string path = place.podman ? config.podman_socket : config.docker_socket;
  if (place.podman_user) path = config.rootless_podman_socket(*place.podman_user);
  SIGNET_TRY(
      const Engine engine,
      Engine::open(path, place.podman_user, place.podman ? std::string() : config.docker_version));
  SIGNET_TRY(const std::string answer,
             engine.inspect_container(place.container_id, left(deadline_ns)));
  SIGNET_TRY(Container container, read_container(answer));
  SIGNET_RETURN_IF_ERROR(show_in_container(config, process, place, container));
  const std::string digest = image_digest(engine, container.image_id, deadline_ns);
  if (!digest.empty()) container.selectors.push_back("image_config_digest:" + digest);
  return container;
}

Status DockerAttestor::show_in_container(const Config& config, const Process& process,
                                         const Place& place, const Container& container) const {
  // Engines take names and beginnings of IDs as well. A component that a pattern found may be one.
  if (process::is_container_id(place.container_id) && container.id != place.container_id)
    return elsewhere(place.container_id);
  if (container.first_pid == 0) return Status::unavailable("the container is not running yet");
  const Result<Process> first = Process::open_now(kProc, container.first_pid);
  if (!first) return Status::unavailable("the container's first process has ended");
  // What came with the container is no older than its first process.
  SIGNET_TRY(const std::uint64_t age, process.start_time());
  SIGNET_TRY(const std::uint64_t first_age, first->start_time());
  if (age < first_age) return elsewhere(place.container_id);
  if (place.by_mounts) {
    SIGNET_TRY(const auto mounts, process.identity_of("ns/mnt"));
    SIGNET_TRY(const auto first_mounts, first->identity_of("ns/mnt"));
    return mounts == first_mounts ? Status() : elsewhere(place.container_id);
  }
  SIGNET_TRY(const std::string text, first->read("cgroup", kMaxCgroupBytes));
  SIGNET_TRY(const auto lines, process::parse_cgroup(place.cgroup));
  SIGNET_TRY(const auto first_lines, process::parse_cgroup(text));
  return process::same_cgroup(lines, first_lines, config.finder, place.container_id)
             ? Status()
             : elsewhere(place.container_id);
}

// Of the very image that the container was made from: its name may stand for another one by now.
// An engine that does not answer this leaves the selector out.
std::string DockerAttestor::image_digest(const Engine& engine, const std::string& image_id,
                                         std::int64_t deadline_ns) const {
  if (image_id.empty()) return {};
  const auto told = [&]() -> Result<std::string> {
    SIGNET_TRY(const std::string answer, engine.inspect_image(image_id, left(deadline_ns) / 2));
    return read_image_id(answer);
  }();
  if (told) return *told;
  host().log_status(LogLevel::kWarn, "Failed to inspect the image", told.status());
  return {};
}

}  // namespace signet::docker
