// The frozen layout of the C ABI: abi_layout.inc against the headers, in both directions.
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "signet/abi/base.h"
#include "signet/abi/bundle_endpoint.h"
#include "signet/abi/bundle_publisher.h"
#include "signet/abi/bundle_source.h"
#include "signet/abi/datastore.h"
#include "signet/abi/health_listener.h"
#include "signet/abi/host.h"
#include "signet/abi/key_manager.h"
#include "signet/abi/node_attestor.h"
#include "signet/abi/role.h"
#include "signet/abi/rpc.h"
#include "signet/abi/spire_source.h"
#include "signet/abi/upstream_authority.h"
#include "signet/abi/workload_attestor.h"

namespace {

static_assert(sizeof(void*) == 8 && sizeof(size_t) == 8, "the table is for 64-bit targets");

// One line of the table, and the same line as the headers have it. Plain data: what builds strings
// here makes a function that takes compilers minutes.
struct Row {
  std::string_view kind, name, field, text, real_text;
  long long offset, size, real_offset, real_size;
};
constexpr Row kRows[] = {
#define STRUCT(name, size) {"STRUCT", #name, "", "", "", 0, size, 0, sizeof(name)},
#define FIELD(name, field, offset, size) \
  {"FIELD", #name, #field, "", "", offset, size, offsetof(name, field), sizeof(name::field)},
#define NUMBER(name, value) \
  {"NUMBER", #name, "", "", "", 0, value, 0, static_cast<long long>(name)},
#define TEXT(name, value) {"TEXT", #name, "", value, name, 0, 0, 0, 0},
#include "abi_layout.inc"
#undef STRUCT
#undef FIELD
#undef NUMBER
#undef TEXT
};

// "FIELD(signet_str, len, 8, 8)", so that a difference can be pasted into the table.
std::string line(const Row& row, bool real) {
  const auto number = [](long long n) { return ", " + std::to_string(n); };
  std::string out = std::string(row.kind) + "(" + std::string(row.name);
  if (row.kind == "FIELD") {
    out += ", " + std::string(row.field) + number(real ? row.real_offset : row.offset);
  }
  if (row.kind == "TEXT") {
    out += ", " + std::string(real ? row.real_text : row.text);
  } else {
    out += number(real ? row.real_size : row.size);
  }
  return out + ")";
}

// The table's structs and their sizes.
std::map<std::string, long long> structs() {
  std::map<std::string, long long> out;
  for (const Row& row : kRows) {
    if (row.kind == "STRUCT") out.emplace(row.name, row.real_size);
  }
  return out;
}

// The text of all ABI headers, without comments.
std::string headers() {
  std::string all;
  for (const auto& file :
       std::filesystem::directory_iterator(SIGNET_SOURCE_DIR "/plugin-sdk/include/signet/abi")) {
    std::ostringstream text;
    text << std::ifstream(file.path()).rdbuf();
    all += text.str() + "\n";
  }
  std::string out;
  for (std::size_t at = 0; at < all.size();) {
    const std::size_t open = all.find("/*", at);
    out += all.substr(at, open - at);
    if (open == std::string::npos) break;
    at = all.find("*/", open) + 2;
  }
  return out;
}

std::vector<std::string> matches(const std::string& text, const char* pattern) {
  const std::regex regex(pattern);
  std::vector<std::string> out;
  for (std::sregex_iterator i(text.begin(), text.end(), regex), end; i != end; ++i) {
    out.push_back((*i)[1]);
  }
  return out;
}

TEST(AbiLayout, IsWhatTheTableSays) {
  for (const Row& row : kRows) EXPECT_EQ(line(row, false), line(row, true));
}

TEST(AbiLayout, TheTableNamesEveryStruct) {
  const auto names = matches(headers(), R"(struct (signet_\w+)\s*\{)");
  EXPECT_GE(names.size(), 50u);
  const auto listed = structs();
  for (const std::string& name : names) {
    EXPECT_TRUE(listed.contains(name)) << "add " << name << " to abi_layout.inc";
  }
}

// With no hole (headers_test.sh, -Wpadded) a field that is not listed shows as a gap.
TEST(AbiLayout, TheTableNamesEveryField) {
  std::map<std::string, long long> covered;
  for (const Row& row : kRows) {
    if (row.kind != "FIELD") continue;
    long long& end = covered[std::string(row.name)];
    EXPECT_EQ(end, row.real_offset) << "a field is missing in " << row.name;
    end = row.real_offset + row.real_size;
  }
  for (const auto& [name, size] : structs()) {
    EXPECT_EQ(covered[name], size) << "the last fields of " << name << " are missing";
  }
}

TEST(AbiLayout, TheTableNamesEveryConstant) {
  std::set<std::string_view> listed = {"SIGNET_EXPORT"};
  for (const Row& row : kRows) {
    if (row.kind == "NUMBER" || row.kind == "TEXT") listed.insert(row.name);
  }
  for (const std::string& name : matches(headers(), R"(#define (SIGNET_\w+) )")) {
    EXPECT_TRUE(listed.contains(name)) << "add " << name << " to abi_layout.inc";
  }
}

TEST(AbiLayout, EveryStructThatIsPassedByPointerBeginsWithItsSize) {
  // Small values that are passed or listed by value and cannot grow.
  const std::set<std::string> values = {
      "signet_str",       "signet_bytes",      "signet_service_ref", "signet_field",
      "signet_index_key", "signet_rpc_header", "signet_spire_cell"};
  const std::string text = headers();
  for (const auto& [name, size] : structs()) {
    if (values.contains(name)) continue;
    const std::regex first("struct " + name + R"(\s*\{\s*uint32_t struct_size;)");
    EXPECT_TRUE(std::regex_search(text, first)) << name;
  }
}

}  // namespace
