// Hostile input: what /proc tells of a caller (its cgroups and mounts, its status and stat), which
// names some of it itself, and what a container engine answers.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "answers.h"
#include "finders.h"
#include "process/container.h"
#include "process/process.h"

namespace {

using namespace signet;  // NOLINT: a program, not a header

void look(const std::vector<std::string_view>& paths, const process::ContainerFinder& finder) {
  for (const std::string_view path : paths) {
    const auto found = finder(path);
    if (!found) continue;
    // Its end is that of a component, and the ID is in it.
    if (found->end > path.size() || (found->end < path.size() && path[found->end] != '/'))
      std::abort();
    if (path.substr(0, found->end).rfind(found->container_id) == std::string_view::npos)
      std::abort();
  }
  (void)process::merge_containers(paths, finder);
}

void find(std::string_view text) {
  const auto finders = {
      process::ContainerFinder([](auto path) { return process::find_container(path, true); }),
      process::ContainerFinder(docker::find_after_docker),
      *docker::pattern_finder({"/docker/<id>", "/*/<id>/*"})};
  const auto lines = process::parse_cgroup(text);
  const auto roots = process::cgroup_mount_roots(text);
  for (const process::ContainerFinder& finder : finders) {
    if (roots) look(*roots, finder);
    if (!lines) continue;
    std::vector<std::string_view> paths;
    for (const auto& line : *lines) paths.push_back(line.path);
    look(paths, finder);
    const auto merged = process::merge_containers(paths, finder);
    if (merged && !merged->container_id.empty() && merged->container_id.size() != 64 &&
        finder("/docker/x") == std::nullopt)
      std::abort();
    if (merged) (void)process::same_cgroup(*lines, *lines, finder, merged->container_id);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  find(text);
  (void)process::parse_status(text);
  (void)process::parse_start_time(text);
  if (const auto finder = docker::pattern_finder({std::string(text)})) look({text}, *finder);
  if (const auto container = docker::read_container(text)) {
    if (container->first_pid < 0 || container->selectors.size() > docker::kMaxSelectors)
      std::abort();
  }
  (void)docker::read_image_id(text);
  return 0;
}
