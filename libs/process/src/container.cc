#include "process/container.h"

#include <algorithm>

namespace signet::process {
namespace {

constexpr std::size_t kIdSize = 64;

// As ASCII has them, whatever the locale.
bool is_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
bool is_word(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    if (end > 0) lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

// The first "pod" + UUID that is bounded by what is no part of a word. The separators may be
// dashes, which are none, or underscores, which are.
std::string find_pod_uid(std::string_view text) {
  constexpr std::string_view kPod = "pod";
  constexpr std::string_view kShape = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
  for (std::size_t at = text.find(kPod); at != std::string_view::npos;
       at = text.find(kPod, at + 1)) {
    if (at > 0 && is_word(text[at - 1])) continue;
    const std::string_view rest = text.substr(at + kPod.size());
    if (rest.size() < kShape.size()) return {};
    std::string uid(rest.substr(0, kShape.size()));
    bool good = rest.size() == kShape.size() || !is_word(rest[kShape.size()]);
    for (std::size_t n = 0; good && n < kShape.size(); ++n) {
      if (kShape[n] == 'x') {
        good = is_hex(uid[n]);
      } else {
        good = uid[n] == '-' || uid[n] == '_';
        uid[n] = '-';
      }
    }
    if (good) return uid;
  }
  return {};
}

// Takes the last component, and the slash before it, off `path`.
std::string_view take_last(std::string_view& path) {
  const std::size_t slash = path.rfind('/');
  const std::string_view last = slash == std::string_view::npos ? path : path.substr(slash + 1);
  path = path.substr(0, slash == std::string_view::npos ? 0 : slash);
  return last;
}

}  // namespace

std::string_view next_word(std::string_view text, std::size_t at) {
  while (at < text.size() && !is_word(text[at])) ++at;
  std::size_t end = at;
  while (end < text.size() && is_word(text[end])) ++end;
  return text.substr(std::min(at, text.size()), end - at);
}

bool is_container_id(std::string_view word) {
  return word.size() == kIdSize && std::all_of(word.begin(), word.end(), is_hex);
}

Result<std::vector<CgroupLine>> parse_cgroup(std::string_view text) {
  std::vector<CgroupLine> out;
  for (const std::string_view line : lines_of(text)) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string_view::npos ? first : line.find(':', first + 1);
    if (second == std::string_view::npos)
      return Status::internal("a line of a cgroup file has fewer than two colons");
    out.push_back({line.substr(0, first), line.substr(first + 1, second - first - 1),
                   line.substr(second + 1)});
  }
  return out;
}

// proc_pid_mountinfo(5): fields are separated by one space each, and a source may be empty; the
// type of the file system follows the field "-".
Result<std::vector<std::string_view>> cgroup_mount_roots(std::string_view text) {
  std::vector<std::string_view> roots;
  for (const std::string_view line : lines_of(text)) {
    std::string_view root, type;
    std::size_t number = 0;
    bool typed = false;
    for (std::size_t at = 0; at <= line.size() && type.empty(); ++number) {
      const std::size_t end = std::min(line.find(' ', at), line.size());
      const std::string_view field = line.substr(at, end - at);
      if (number == 3) root = field;
      if (typed) type = field;
      if (number >= 6 && field == "-") typed = true;
      at = end + 1;
    }
    if (root.empty() || type.empty())
      return Status::internal("a line of a mountinfo file cannot be read");
    if ((type == "cgroup" || type == "cgroup2") && root != "/") roots.push_back(root);
  }
  return roots;
}

std::optional<ContainerMatch> find_container(std::string_view path, bool with_pod) {
  ContainerMatch match;
  while (true) {
    const std::size_t end = path.size();
    std::string_view component = take_last(path);
    if (component.empty()) return std::nullopt;
    for (std::string_view word = next_word(component, 0); !word.empty();) {
      const auto at = static_cast<std::size_t>(word.data() - component.data());
      if (is_container_id(word)) {
        match.container_id = word;
        match.end = end;
        component = component.substr(0, at);
        break;
      }
      word = next_word(component, at + word.size());
    }
    if (match.end == 0) continue;
    if (component.empty() && with_pod) component = take_last(path);
    while (with_pod && !component.empty()) {
      match.pod_uid = find_pod_uid(component);
      if (!match.pod_uid.empty()) break;
      component = take_last(path);
    }
    return match;
  }
}

Result<ContainerMatch> merge_containers(const std::vector<std::string_view>& paths,
                                        const ContainerFinder& finder) {
  ContainerMatch merged;
  for (const std::string_view path : paths) {
    std::optional<ContainerMatch> found = finder(path);
    if (!found) continue;
    if (!merged.pod_uid.empty() && found->pod_uid.empty()) continue;
    if (merged.container_id.empty() || (merged.pod_uid.empty() && !found->pod_uid.empty())) {
      merged = std::move(*found);
      continue;
    }
    if (found->pod_uid != merged.pod_uid) {
      return Status::failed_precondition("multiple pod UIDs found (" + merged.pod_uid + ", " +
                                         found->pod_uid + ")");
    }
    if (found->container_id != merged.container_id) {
      return Status::failed_precondition("multiple container IDs found (" + merged.container_id +
                                         ", " + found->container_id + ")");
    }
  }
  return merged;
}

bool same_cgroup(const std::vector<CgroupLine>& lines, const std::vector<CgroupLine>& first_process,
                 const ContainerFinder& finder, std::string_view container_id) {
  bool any = false;
  for (const CgroupLine& line : lines) {
    const auto found = finder(line.path);
    if (!found || found->container_id != container_id) continue;
    const std::string_view container = line.path.substr(0, found->end);
    const auto other = std::find_if(first_process.begin(), first_process.end(), [&](const auto& o) {
      return o.hierarchy == line.hierarchy && o.controllers == line.controllers;
    });
    if (other == first_process.end() || !other->path.starts_with(container)) return false;
    if (other->path.size() > container.size() && other->path[container.size()] != '/') return false;
    any = true;
  }
  return any;
}

}  // namespace signet::process
