#include "answers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace signet::docker {
namespace {

using testing::UnorderedElementsAre;

TEST(Answers, TellAContainer) {
  const auto container = read_container(R"({
    "Id": "c1", "Image": "sha256:aa", "State": {"Status": "running", "Pid": 4711},
    "Config": {"Labels": {"app": "db", "a:b": ""}, "Env": ["A=1", "PASSWORD=x:y"], "Image": "db:1"},
    "Mounts": []})");
  ASSERT_TRUE(container.ok()) << container.status().to_string();
  EXPECT_EQ(container->id, "c1");
  EXPECT_EQ(container->image_id, "sha256:aa");
  EXPECT_EQ(container->first_pid, 4711);
  EXPECT_THAT(container->selectors, UnorderedElementsAre("label:app:db", "label:a:b:", "env:A=1",
                                                         "env:PASSWORD=x:y", "image_id:db:1"));
  EXPECT_EQ(*read_image_id(R"({"Id": "sha256:bb"})"), "sha256:bb");
}

TEST(Answers, MayLeaveOutWhatThereIsNone) {
  for (const char* json :
       {"{}", R"({"State": null, "Config": null})",
        R"({"State": {"Pid": 0}, "Config": {"Labels": null, "Env": null, "Image": ""}})"}) {
    const auto container = read_container(json);
    ASSERT_TRUE(container.ok()) << json;
    EXPECT_TRUE(container->selectors.empty());
    EXPECT_EQ(container->first_pid, 0);
  }
  EXPECT_EQ(*read_image_id("{}"), "");
}

TEST(Answers, OfOtherTypesAreNotUnderstood) {
  std::string many = R"({"Config": {"Env": [)";
  for (std::size_t n = 0; n < kMaxSelectors; ++n) many += R"("A",)";
  many += R"("A"]}})";
  const std::string deep(1 << 20, '[');
  for (const std::string& json : {std::string(),
                                  std::string("[]"),
                                  std::string("{"),
                                  std::string("null"),
                                  std::string(R"({"Id": 1})"),
                                  std::string(R"({"Image": []})"),
                                  std::string(R"({"State": []})"),
                                  std::string(R"({"State": {"Pid": "1"}})"),
                                  std::string(R"({"State": {"Pid": -1}})"),
                                  std::string(R"({"State": {"Pid": 1.5}})"),
                                  std::string(R"({"State": {"Pid": 99999999999}})"),
                                  std::string(R"({"State": {"Pid": 18446744073709551615}})"),
                                  std::string(R"({"Config": "x"})"),
                                  std::string(R"({"Config": {"Labels": []}})"),
                                  std::string(R"({"Config": {"Labels": {"a": 1}}})"),
                                  std::string(R"({"Config": {"Env": {}}})"),
                                  std::string(R"({"Config": {"Env": [null]}})"),
                                  std::string(R"({"Config": {"Image": {}}})"),
                                  std::string(R"({"Config": {"Labels": {"a": "1", "a": "2"}}})"),
                                  std::string("{\"Id\": \"\xff\"}"),
                                  many,
                                  deep,
                                  "{\"a\":" + deep,
                                  "{\"a\":\"" + std::string(kMaxAnswerBytes, 'x') + "\"}"}) {
    EXPECT_EQ(read_container(json).status().code(), Code::kInternal) << json.substr(0, 60);
  }
  EXPECT_FALSE(read_image_id(R"({"Id": 1})").ok());
}

}  // namespace
}  // namespace signet::docker
