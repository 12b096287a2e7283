#include "config.h"

#include <gtest/gtest.h>

namespace signet::docker {
namespace {

TEST(DockerConfig, HasSpiresDefaults) {
  const auto config = Config::parse("{}");
  ASSERT_TRUE(config.ok());
  EXPECT_EQ(config->docker_socket, "/var/run/docker.sock");
  EXPECT_EQ(config->podman_socket, "/run/podman/podman.sock");
  EXPECT_EQ(config->rootless_podman_socket(1000), "/run/user/1000/podman/podman.sock");
  EXPECT_EQ(config->docker_version, "");
  EXPECT_TRUE(config->look_at_mounts);
  EXPECT_FALSE(config->verbose);
  EXPECT_TRUE(config->finder("/" + std::string(64, 'c')));
}

TEST(DockerConfig, ReadsItsSettings) {
  const auto config = Config::parse(
      R"({"docker_socket_path": "unix:///a", "podman_socket_path": "unix:///b",
          "podman_socket_path_template": "unix:///c/%d/d", "docker_version": "v1.41",
          "use_new_container_locator": false, "verbose_container_locator_logs": true,
          "container_id_cgroup_matchers": ["/mine/<id>"], "other": 1})");
  ASSERT_TRUE(config.ok()) << config.status().to_string();
  EXPECT_EQ(config->docker_socket, "/a");
  EXPECT_EQ(config->podman_socket, "/b");
  EXPECT_EQ(config->rootless_podman_socket(7), "/c/7/d");
  EXPECT_EQ(config->docker_version, "1.41");
  EXPECT_FALSE(config->look_at_mounts);
  EXPECT_TRUE(config->verbose);
  EXPECT_TRUE(config->finder("/mine/x"));
  EXPECT_FALSE(config->finder("/" + std::string(64, 'c')));
  EXPECT_TRUE(Config::parse(R"({"use_new_container_locator": false})")
                  ->finder("/docker/" + std::string(64, 'c')));
}

TEST(DockerConfig, RefusesWhatItCannotKeep) {
  for (const char* json :
       {"[]", "{", R"({"docker_socket_path": "tcp://127.0.0.1:2375"})",
        R"({"docker_socket_path": "unix://relative"})", R"({"docker_socket_path": 1})",
        R"({"podman_socket_path": "/no/scheme"})",
        R"({"podman_socket_path_template": "unix:///x"})",
        R"({"podman_socket_path_template": "unix:///%d/%d"})",
        R"({"podman_socket_path_template": "unix:///%s/%d"})", R"({"docker_version": "1.41/../x"})",
        R"({"use_new_container_locator": "no"})",
        R"({"container_id_cgroup_matchers": ["/mine/<id>"]})",
        R"({"use_new_container_locator": false, "container_id_cgroup_matchers": ["/mine"]})",
        R"({"use_new_container_locator": false, "container_id_cgroup_matchers": [1]})",
        R"({"use_new_container_locator": false, "container_id_cgroup_matchers": "/<id>"})",
        R"({"sigstore": {}})", R"({"experimental": {"sigstore": {}}})"}) {
    EXPECT_EQ(Config::parse(json).status().code(), Code::kInvalidArgument) << json;
  }
}

}  // namespace
}  // namespace signet::docker
