// How a container's ID is found in a cgroup path where the default is switched off
// (use_new_container_locator = false).
#pragma once

#include <string>
#include <vector>

#include "process/container.h"

namespace signet::docker {

/// SPIRE's former default: the word "docker", later the last 64 hexadecimal digits that are a word.
std::optional<process::ContainerMatch> find_after_docker(std::string_view path);

/// By patterns such as "/my.slice/*/<id>": "/" between components, "*" stands for a whole one,
/// "<id>" for the one that names the container. Of a component such as docker-<64 digits>.scope the
/// digits count.
/// Errors   kInvalidArgument: a pattern has not exactly one <id>, or two can match the same path
Result<process::ContainerFinder> pattern_finder(const std::vector<std::string>& patterns);

}  // namespace signet::docker
