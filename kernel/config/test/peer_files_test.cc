// The peer's own files parse as they are. They are read from Go's module cache, where the
// peers' build puts them, and are not copied here.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "support.h"

namespace signet::config {
namespace {

namespace fs = std::filesystem;

fs::path peer_directory() {
  fs::path cache;
  if (const char* set = std::getenv("GOMODCACHE")) {
    cache = set;
  } else if (const char* gopath = std::getenv("GOPATH")) {
    cache = fs::path(gopath) / "pkg/mod";
  } else if (const char* home = std::getenv("HOME")) {
    cache = fs::path(home) / "go/pkg/mod";
  }
  return cache / "github.com/spiffe/spire@v1.15.3";
}

class PeerFiles : public testing::Test {
 protected:
  void SetUp() override {
    if (fs::exists(peer_directory() / "conf")) return;
    GTEST_SKIP() << "SKIPPED: the peer's files are not in Go's module cache; set GOMODCACHE or "
                    "build the peers first";
  }
};

std::vector<std::string> plugin_names(const ConfigNode& root) {
  std::vector<std::string> out;
  auto plugins = merged_member(root, "plugins");
  EXPECT_TRUE(plugins.ok());
  auto blocks = labelled_blocks(*plugins, 2);
  EXPECT_TRUE(blocks.ok()) << blocks.status().to_string();
  for (const auto& block : *blocks) out.push_back(block.labels[0] + " " + block.labels[1]);
  return out;
}

TEST_F(PeerFiles, ServerAndAgentConfigurationsGiveTheirSettings) {
  auto server = load_file(peer_directory() / "conf/server/server.conf", false);
  ASSERT_TRUE(server.ok()) << server.status().to_string();
  EXPECT_EQ(merged_member(*server, "server")->find("trust_domain")->text(), "example.org");
  EXPECT_EQ(plugin_names(*server),
            (std::vector<std::string>{"DataStore sql", "NodeAttestor join_token",
                                      "KeyManager memory", "UpstreamAuthority disk"}));
  auto agent = load_file(peer_directory() / "conf/agent/agent.conf", false);
  ASSERT_TRUE(agent.ok()) << agent.status().to_string();
  EXPECT_EQ(merged_member(*agent, "agent")->find("server_port")->text(), "8081");
  EXPECT_EQ(plugin_names(*agent),
            (std::vector<std::string>{"NodeAttestor join_token", "KeyManager disk",
                                      "WorkloadAttestor unix"}));
}

TEST_F(PeerFiles, EveryConfigurationOfThePeersReleaseParses) {
  int files = 0;
  for (const char* directory : {"conf", "test/fixture/config"}) {
    for (const auto& entry : fs::recursive_directory_iterator(peer_directory() / directory)) {
      if (entry.path().extension() != ".conf") continue;
      if (entry.path().filename().string().find("crash") != std::string::npos) continue;
      ++files;
      const auto node = load_file(entry.path(), true);
      EXPECT_TRUE(node.ok()) << node.status().to_string();
    }
  }
  EXPECT_GT(files, 10);
}

}  // namespace
}  // namespace signet::config
