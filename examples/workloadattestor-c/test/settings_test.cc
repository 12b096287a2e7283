#include "settings.h"

#include <memory>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace {

struct Free {
  void operator()(settings* s) const { settings_free(s); }
};
using Settings = std::unique_ptr<settings, Free>;

Settings parse(std::string_view json, const char** error = nullptr) {
  const char* ignored = nullptr;
  return Settings(settings_parse(reinterpret_cast<const uint8_t*>(json.data()), json.size(),
                                 error ? error : &ignored));
}

TEST(CExampleSettings, HaveDefaults) {
  const Settings s = parse("{}");
  ASSERT_NE(s, nullptr);
  EXPECT_EQ(s->uid, 1u);
  EXPECT_EQ(s->count, 0u);
}

TEST(CExampleSettings, ReadSelectorsWithEscapes) {
  const Settings s =
      parse(R"( { "uid" : false, "selectors" : [ "a:b", "\"\\\/\n\u00e9\u20ac\ud83d\ude00" ] } )");
  ASSERT_NE(s, nullptr);
  EXPECT_EQ(s->uid, 0u);
  ASSERT_EQ(s->count, 2u);
  EXPECT_STREQ(s->selectors[0], "a:b");
  EXPECT_STREQ(s->selectors[1], "\"\\/\n\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
}

TEST(CExampleSettings, SayWhatIsWrong) {
  std::string many = "{\"selectors\": [\"x\"";
  for (int n = 0; n < SETTINGS_MAX_SELECTORS; ++n) many += ",\"x\"";
  many += "]}";
  const std::string full = "{\"selectors\": [\"" + std::string(SETTINGS_MAX_LENGTH, 'x') + "\"]}";
  EXPECT_NE(parse(full), nullptr);
  for (const std::string& json :
       {std::string(),
        std::string("["),
        std::string("{"),
        std::string("{} x"),
        std::string(R"({"other": 1})"),
        std::string(R"({"uid": 1})"),
        std::string(R"({"selectors": "x"})"),
        std::string(R"({"selectors": [1]})"),
        std::string(R"({"selectors": [""]})"),
        std::string(R"({"selectors": ["x])"),
        std::string(R"({"selectors": ["x"})"),
        std::string(R"({"selectors": ["\u12"]})"),
        std::string(R"({"selectors": ["\u0000"]})"),
        std::string(R"({"selectors": ["\ud800"]})"),
        std::string(R"({"selectors": ["\ud800\u0041"]})"),
        std::string(R"({"selectors": ["\x"]})"),
        std::string("{\"selectors\": [\"\n\"]}"),
        std::string(R"({"selectors": ["a"], "selectors": []})"),
        "{\"selectors\": [\"" + std::string(SETTINGS_MAX_LENGTH + 1, 'x') + "\"]}",
        many}) {
    const char* error = nullptr;
    EXPECT_EQ(parse(json, &error), nullptr) << json;
    EXPECT_NE(error, nullptr) << json;
  }
}

}  // namespace
