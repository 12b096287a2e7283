#include "finders.h"

#include <gtest/gtest.h>

namespace signet::docker {
namespace {

const std::string kC(64, 'c');
const std::string kH(64, '1');

TEST(Finders, TheFormerDefaultLooksBehindTheWordDocker) {
  for (const std::string& path :
       {"/docker/" + kC, "/system.slice/docker-" + kC + ".scope", "/docker/" + kH + "/x/" + kC}) {
    const auto found = find_after_docker(path);
    ASSERT_TRUE(found) << path;
    EXPECT_EQ(found->container_id, kC);
    EXPECT_TRUE(found->end == path.size() || path[found->end] == '/');
  }
  for (const std::string& path : {"/" + kC, "/docker" + kC, "/docker/" + kC + "0",
                                  "/my_docker/" + kC, kC + "/docker", std::string()}) {
    EXPECT_FALSE(find_after_docker(path)) << path;
  }
}

TEST(Finders, PatternsStandForWholeComponents) {
  const auto finder = pattern_finder({"/docker/<id>", "/my.slice/*/<id>/*"});
  ASSERT_TRUE(finder.ok());
  EXPECT_EQ((*finder)("/docker/abc")->container_id, "abc");
  EXPECT_EQ((*finder)("/my.slice/x/abc/y")->container_id, "abc");
  EXPECT_EQ((*finder)("/my.slice/x/abc/y")->end, std::string_view("/my.slice/x/abc").size());
  for (const char* path : {"/docker", "/docker/", "/docker/a/b", "/my.slice/x/abc", "/my.slice", "",
                           "/dockerx/a", "docker/a"}) {
    EXPECT_FALSE((*finder)(path)) << path;
  }
  const auto scopes = pattern_finder({"/system.slice/<id>"});
  EXPECT_EQ((*scopes)("/system.slice/docker-" + kC + ".scope")->container_id, kC);
}

TEST(Finders, RefusePatternsThatCannotBeKept) {
  for (const auto& patterns : std::vector<std::vector<std::string>>{{"/docker/*"},
                                                                    {"/<id>/<id>"},
                                                                    {"/a/b/<id>", "/*/b/<id>"},
                                                                    {"/<id>/b", "/a/*", "/a/<id>"},
                                                                    {"/a/<id>", "/a/<id>"}}) {
    EXPECT_EQ(pattern_finder(patterns).status().code(), Code::kInvalidArgument) << patterns[0];
  }
  EXPECT_TRUE(pattern_finder({"/a/<id>", "/b/<id>", "/a/x/<id>"}).ok());
}

}  // namespace
}  // namespace signet::docker
