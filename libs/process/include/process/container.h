// Which container a process is in, by its cgroups and its mounts. Nothing here reads a file.
//
// A container ID found here is what the paths claim; see the README for who may forge them.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "signet/status.h"

namespace signet::process {

// One line of /proc/PID/cgroup, version 1 or 2.
struct CgroupLine {
  std::string_view hierarchy;    // "0"
  std::string_view controllers;  // "cpu,cpuacct"; "" for version 2
  std::string_view path;         // "/docker/0123..."
};
/// The lines, as views of `text`. Errors   kInternal: a line without two colons
Result<std::vector<CgroupLine>> parse_cgroup(std::string_view text);

/// The roots, other than "/", of the cgroup mounts in /proc/PID/mountinfo, as views of `text`.
/// Errors   kInternal: a line that is none
Result<std::vector<std::string_view>> cgroup_mount_roots(std::string_view text);

// What one path says.
struct ContainerMatch {
  std::string container_id;
  std::string pod_uid;  // with dashes; "" when it is not known
  std::size_t end = 0;  // of the container's own component within the path
};
/// Finds the container in a path.
using ContainerFinder = std::function<std::optional<ContainerMatch>(std::string_view path)>;

/// From the end, the first component with 64 hexadecimal digits as a whole word; with_pod: then
/// leftwards "pod" and a UUID, whose underscores become dashes.
std::optional<ContainerMatch> find_container(std::string_view path, bool with_pod);

/// What several paths say together: one with a pod wins over those without; a path without a
/// container says nothing. The container_id is "" when there is none.
/// Errors   kFailedPrecondition: "multiple container IDs found (...)", "multiple pod UIDs found"
Result<ContainerMatch> merge_containers(const std::vector<std::string_view>& paths,
                                        const ContainerFinder& finder);

/// Is each of `lines` in which `finder` finds `container_id` in that container's very cgroup, or
/// below it, as the lines of the container's first process tell? False also when none is.
bool same_cgroup(const std::vector<CgroupLine>& lines, const std::vector<CgroupLine>& first_process,
                 const ContainerFinder& finder, std::string_view container_id);

/// The next whole word of letters, digits and underscores at or after `at`; "" when there is none.
std::string_view next_word(std::string_view text, std::size_t at);
/// 64 hexadecimal digits and nothing else.
bool is_container_id(std::string_view word);

}  // namespace signet::process
