#include "support.h"

namespace signet::config {
namespace {

std::string json(std::string_view text) { return json_of(parse_json(text, "f.json")); }

TEST(JsonReader, ReadsWhatJsonHas) {
  const struct {
    std::string_view text, json;
  } kCases[] = {
      {"{}", "{}"},
      {" { \"a\" : [ 1 , -2.5e1 , \"x\" , true , false , null , { } , [ ] ] } ",
       R"({"a":[1,-25.0,"x",true,false,null,{},[]]})"},
      {R"({"a":"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00"})", R"({"a":"\"\\/\b\f\n\r\té😀"})"},
      {R"({"a":{"x":1},"a":{"y":2}})", R"({"a":{"x":1,"y":2}})"},
      {R"({"a":"${b}"})", R"({"a":"${b}"})"},
  };
  for (const auto& c : kCases) EXPECT_EQ(json(c.text), c.json) << c.text;
}

TEST(JsonReader, NamesThePlaceOfAMistake) {
  const struct {
    std::string_view text, error;
  } kCases[] = {
      {"", "f.json:1:1: expected '{' at the start of a JSON file"},
      {"[]", "f.json:1:1: expected '{' at the start of a JSON file"},
      {"{\"a\":1,}", "f.json:1:8: expected a key in quotes"},
      {"{\"a\" 1}", "f.json:1:6: expected ':' after a key"},
      {"{\"a\":1 \"b\":2}", "f.json:1:8: expected ',' or '}' in an object"},
      {"{\"a\":[1,]}", "f.json:1:9: expected a value"},
      {"{\"a\":[1 2]}", "f.json:1:9: expected ',' or ']' in a list"},
      {"{\"a\":01}", "f.json:1:7: expected ',' or '}' in an object"},
      {"{\"a\":1.}", "f.json:1:8: expected a digit"},
      {"{\"a\":1e999}", "f.json:1:6: number is out of range"},
      {"{\"a\":99999999999999999999}", "f.json:1:6: number does not fit 64 bits"},
      {"{\"a\":tru}", "f.json:1:6: expected a value"},
      {"{\"a\":\"x\ny\"}", "f.json:1:8: control character in a string"},
      {"{\"a\":\"\\ud800\"}", "f.json:1:7: \\u escape is not a character"},
      {"{\"a\":\"\\ud800\\u0041\"}", "f.json:1:7: \\u escape is half of a pair"},
      {"{\"a\":\"\\u0000\"}", "f.json:1:7: \\u escape is not a character"},
      {"{\"a\":\"", "f.json:1:6: string is not closed with \""},
      {"{} x", "f.json:1:4: unexpected text after the closing '}'"},
      {"{\n// no\n}", "f.json:2:1: expected a key in quotes"},
  };
  for (const auto& c : kCases) EXPECT_EQ(json(c.text), "error: " + std::string(c.error)) << c.text;
}

TEST(JsonReader, HoldsTheDepthLimit) {
  std::string text = "{\"a\":";
  for (int i = 0; i < 100000; ++i) text += '[';
  EXPECT_EQ(parse_json(text, "f").status().code(), Code::kResourceExhausted);
}

}  // namespace
}  // namespace signet::config
