#include "process/container.h"

#include <gtest/gtest.h>

namespace signet::process {
namespace {

const std::string kC(64, 'c');
const std::string kH(64, '1');
const std::string kPod = "a2830d0d-b0f0-4ff0-81b5-0ee4e299cf80";
const std::string kPod_ = "a2830d0d_b0f0_4ff0_81b5_0ee4e299cf80";

const ContainerFinder kDocker = [](std::string_view path) { return find_container(path, false); };
const ContainerFinder kPods = [](std::string_view path) { return find_container(path, true); };

struct Row {
  const char* environment;
  std::string path;
  std::string id, pod;
};

TEST(Container, IsFoundInThePathsOfEveryEnvironment) {
  const Row rows[] = {
      {"docker cgroupfs v1", "/docker/" + kC, kC, ""},
      {"docker systemd v2", "/system.slice/docker-" + kC + ".scope", kC, ""},
      {"private cgroup namespace", "/../" + kC, kC, ""},
      {"containerd cgroupfs", "/kubepods/burstable/pod" + kPod + "/" + kC, kC, kPod},
      {"containerd systemd",
       "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod" + kPod_ +
           ".slice/cri-containerd-" + kC + ".scope",
       kC, kPod},
      {"containerd, namespaced agent",
       "/../../kubelet-kubepods-besteffort.slice/kubelet-kubepods-besteffort-pod" + kPod_ +
           ".slice/cri-containerd-" + kC + ".scope",
       kC, kPod},
      {"containerd colons", "/kubepods-besteffort-pod" + kPod_ + ".slice:cri-containerd:" + kC, kC,
       kPod},
      {"docker and systemd in kubernetes",
       "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + kPod + ".slice/docker-" +
           kC + ".scope",
       kC, kPod},
      {"cri-o",
       "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod" + kPod_ +
           ".slice/crio-" + kC + ".scope",
       kC, kPod},
      {"cri-o without a pod", "/../crio-" + kC + ".scope", kC, ""},
      {"kind", "/docker/" + kH + "/kubepods/besteffort/pod" + kPod + "/" + kC, kC, kPod},
      {"kind's own service", "/docker/" + kH + "/system.slice/containerd.service", kH, ""},
      {"rootless podman",
       "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" + kC + ".scope/container",
       kC, ""},
      {"podman's pod, whose ID is part of a word",
       "/machine.slice/machine-libpod_pod_" + kH + ".slice/libpod-" + kC + ".scope", kC, ""},
  };
  for (const Row& row : rows) {
    const auto found = find_container(row.path, true);
    ASSERT_TRUE(found) << row.environment;
    EXPECT_EQ(found->container_id, row.id) << row.environment;
    EXPECT_EQ(found->pod_uid, row.pod) << row.environment;
    EXPECT_EQ(find_container(row.path, false)->pod_uid, "") << row.environment;
    const std::string_view up_to = std::string_view(row.path).substr(0, found->end);
    EXPECT_NE(up_to.find(row.id), std::string_view::npos) << row.environment;
    EXPECT_TRUE(found->end == row.path.size() || row.path[found->end] == '/') << row.environment;
  }
}

TEST(Container, IsNotSeenWhereNoneIs) {
  for (const std::string& path :
       {std::string(), std::string("/"), std::string("/user.slice/session-1.scope"), "/" + kC + "0",
        "/a_" + kC, "/docker/" + kC + "/", "/" + std::string(64, 'g'), "/docker/" + kC.substr(1)}) {
    EXPECT_FALSE(find_container(path, true)) << path;
  }
}

Result<ContainerMatch> merged(const std::vector<std::string>& paths, const ContainerFinder& f) {
  return merge_containers({paths.begin(), paths.end()}, f);
}

TEST(Container, OfSeveralPathsMustBeTheSame) {
  EXPECT_EQ(merged({"/docker/" + kC, "/docker/" + kC}, kDocker)->container_id, kC);
  EXPECT_EQ(merged({"/", "/a/" + kC, "/system.slice/x.service"}, kDocker)->container_id, kC)
      << "a path without a container says nothing";
  EXPECT_EQ(merged({"/", "/x"}, kDocker)->container_id, "");
  const auto two = merged({"/docker/" + kC, "/docker/" + kH}, kDocker);
  EXPECT_EQ(two.status().code(), Code::kFailedPrecondition);
  EXPECT_NE(two.status().message().find("multiple container IDs found"), std::string::npos);
}

TEST(Container, InAPodWinsOverOneThatIsInNone) {
  const std::string in_pod = "/docker/" + kH + "/kubepods/besteffort/pod" + kPod + "/" + kC;
  const std::string node = "/docker/" + kH + "/system.slice/containerd.service";
  for (const auto& paths : {std::vector{in_pod, node}, {node, in_pod}}) {
    const auto found = merged(paths, kPods);
    ASSERT_TRUE(found.ok()) << found.status().to_string();
    EXPECT_EQ(found->container_id, kC);
    EXPECT_EQ(found->pod_uid, kPod);
  }
  std::string other = in_pod;
  other[other.find(kPod)] = 'b';
  EXPECT_NE(merged({in_pod, other}, kPods).status().message().find("multiple pod UIDs found"),
            std::string::npos);
}

TEST(Container, IsReadFromTheKernelsFiles) {
  const std::string cgroup = "12:cpu,cpuacct:/docker/a:b\n1:name=systemd:/x\n0::/y\n";
  const auto lines = parse_cgroup(cgroup);
  ASSERT_TRUE(lines.ok());
  ASSERT_EQ(lines->size(), 3u);
  EXPECT_EQ((*lines)[0].controllers, "cpu,cpuacct");
  EXPECT_EQ((*lines)[0].path, "/docker/a:b");
  EXPECT_EQ((*lines)[2].hierarchy, "0");
  EXPECT_TRUE(parse_cgroup("")->empty());
  EXPECT_FALSE(parse_cgroup("0::/x\n1:/y\n").ok());

  const std::string mounts =
      "36 35 98:0 / / rw,noatime master:1 - ext4 /dev/root rw\n"
      "37 36 0:30 / /sys/fs/cgroup ro - cgroup2  rw\n"
      "38 36 0:30 /../" +
      kC +
      " /cg ro,nosuid shared:2 master:1 - cgroup2  rw\n"
      "39 36 0:31 /docker/" +
      kC +
      " /cg1 ro - cgroup cgroup rw,cpu\n"
      "40 36 0:32 /" +
      kH + " /tmp ro - tmpfs cgroup2 rw\n";
  const auto roots = cgroup_mount_roots(mounts);
  ASSERT_TRUE(roots.ok()) << roots.status().to_string();
  ASSERT_EQ(roots->size(), 2u);
  EXPECT_EQ((*roots)[0], "/../" + kC);
  EXPECT_EQ((*roots)[1], "/docker/" + kC);
  EXPECT_FALSE(cgroup_mount_roots("36 35 98:0 / / rw\n").ok());
}

TEST(Container, IsTheSameForItsProcessesAndForNobodyElse) {
  const auto same = [](const std::string& mine, const std::string& first) {
    return same_cgroup(*parse_cgroup(mine), *parse_cgroup(first), kDocker, kC);
  };
  const std::string scope = "/system.slice/docker-" + kC + ".scope";
  EXPECT_TRUE(same("0::" + scope, "0::" + scope));
  EXPECT_TRUE(same("0::" + scope + "/a/b", "0::" + scope + "/init.scope"));
  EXPECT_TRUE(same("0::" + scope + "\n1:cpu:/", "1:cpu:/\n0::" + scope));
  // A name in a cgroup that the process may write to.
  EXPECT_FALSE(same("0::/user.slice/user-1.slice/docker-" + kC + ".scope", "0::" + scope));
  EXPECT_FALSE(same("0::/docker/" + kH + "/" + kC, "0::/docker/" + kC));
  EXPECT_FALSE(same("0::/docker/" + kC, "0::/docker/" + kC + "x"));
  // Forged in one of two hierarchies, or known to the other in one only.
  EXPECT_FALSE(same("0::/mine/" + kC + "\n1:cpu:/docker/" + kC,
                    "0::/docker/" + kC + "\n1:cpu:/docker/" + kC));
  EXPECT_FALSE(same("0::" + scope, "1:cpu:" + scope));
  EXPECT_FALSE(same("0::/", "0::/")) << "no container at all";
}

}  // namespace
}  // namespace signet::process
