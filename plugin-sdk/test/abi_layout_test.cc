// The frozen layout of the C ABI: abi_layout.inc against the headers, in both directions.
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "signet/abi/base.h"
#include "signet/abi/datastore.h"
#include "signet/abi/host.h"
#include "signet/abi/key_manager.h"
#include "signet/abi/node_attestor.h"
#include "signet/abi/role.h"
#include "signet/abi/rpc.h"
#include "signet/abi/workload_attestor.h"

namespace {

static_assert(sizeof(void*) == 8 && sizeof(size_t) == 8, "the table is for 64-bit targets");

struct Row {
  std::string what;     // "FIELD(signet_str, len, 8, 8)" as the table has it
  std::string correct;  // and as the headers have it
};
struct Field {
  std::string owner;
  std::size_t offset, size;
};
struct Table {
  std::vector<Row> rows;
  std::map<std::string, std::size_t> structs;
  std::vector<Field> fields;
  std::set<std::string> macros;
};

std::string args(std::initializer_list<std::string> parts) {
  std::string out = "(";
  for (const std::string& part : parts) out += (out.size() > 1 ? ", " : "") + part;
  return out + ")";
}

const Table& table() {
  static const Table kTable = [] {
    Table t;
    const auto number = [](auto n) { return std::to_string(static_cast<long long>(n)); };
#define STRUCT(name, size)                                                                       \
  t.rows.push_back(                                                                              \
      {"STRUCT" + args({#name, number(size)}), "STRUCT" + args({#name, number(sizeof(name))})}); \
  t.structs[#name] = sizeof(name);
#define FIELD(name, field, offset, size)                                           \
  t.rows.push_back({"FIELD" + args({#name, #field, number(offset), number(size)}), \
                    "FIELD" + args({#name, #field, number(offsetof(name, field)),  \
                                    number(sizeof(name::field))})});               \
  t.fields.push_back({#name, offsetof(name, field), sizeof(name::field)});
#define NUMBER(name, value)                                                               \
  t.rows.push_back(                                                                       \
      {"NUMBER" + args({#name, number(value)}), "NUMBER" + args({#name, number(name)})}); \
  t.macros.insert(#name);
#define TEXT(name, value)                                                                       \
  t.rows.push_back({"TEXT" + args({#name, value}), "TEXT" + args({#name, std::string(name)})}); \
  t.macros.insert(#name);
#include "abi_layout.inc"
#undef STRUCT
#undef FIELD
#undef NUMBER
#undef TEXT
    return t;
  }();
  return kTable;
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
  for (const Row& row : table().rows) EXPECT_EQ(row.what, row.correct);
}

TEST(AbiLayout, TheTableNamesEveryStruct) {
  const auto names = matches(headers(), R"(struct (signet_\w+)\s*\{)");
  EXPECT_GE(names.size(), 50u);
  for (const std::string& name : names) {
    EXPECT_TRUE(table().structs.contains(name)) << "add " << name << " to abi_layout.inc";
  }
}

// With no hole (headers_test.sh, -Wpadded) a field that is not listed shows as a gap.
TEST(AbiLayout, TheTableNamesEveryField) {
  std::map<std::string, std::size_t> covered;
  for (const Field& field : table().fields) {
    EXPECT_EQ(covered[field.owner], field.offset) << "a field is missing in " << field.owner;
    covered[field.owner] = field.offset + field.size;
  }
  for (const auto& [name, size] : table().structs) {
    EXPECT_EQ(covered[name], size) << "the last fields of " << name << " are missing";
  }
}

TEST(AbiLayout, TheTableNamesEveryConstant) {
  const std::set<std::string> others = {"SIGNET_EXPORT"};
  for (const std::string& name : matches(headers(), R"(#define (SIGNET_\w+) )")) {
    EXPECT_TRUE(table().macros.contains(name) || others.contains(name))
        << "add " << name << " to abi_layout.inc";
  }
}

TEST(AbiLayout, EveryStructThatIsPassedByPointerBeginsWithItsSize) {
  // Small values that are passed or listed by value and cannot grow.
  const std::set<std::string> values = {"signet_str",   "signet_bytes",     "signet_service_ref",
                                        "signet_field", "signet_index_key", "signet_rpc_header"};
  const std::string text = headers();
  for (const auto& [name, size] : table().structs) {
    if (values.contains(name)) continue;
    const std::regex first("struct " + name + R"(\s*\{\s*uint32_t struct_size;)");
    EXPECT_TRUE(std::regex_search(text, first)) << name;
  }
}

}  // namespace
