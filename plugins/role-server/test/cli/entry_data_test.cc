#include "cli/entry_data.h"

#include <gtest/gtest.h>

namespace signet::server::cli {
namespace {

TEST(EntryData, EveryMemberIsRead) {
  const auto entries = read_entries(R"({"entries": [{
      "entry_id": "e", "spiffe_id": "spiffe://example.org/a", "parent_id": "spiffe://example.org/p",
      "selectors": [{"type": "unix", "value": "uid:1"}, {"type": "unix", "value": "gid:2"}],
      "x509_svid_ttl": 60, "jwt_svid_ttl": 61, "entryExpiry": 4102444800, "hint": "h",
      "federates_with": ["spiffe://other.org", "third.org"], "dns_names": ["a", "b"],
      "admin": true, "downstream": true, "store_svid": true,
      "additional_attributes": {"jwt_svid_include_jti": true}}]})");
  ASSERT_TRUE(entries.ok()) << entries.status().message();
  ASSERT_EQ(entries->size(), 1u);
  const auto& e = entries->front();
  EXPECT_EQ(e.id(), "e");
  EXPECT_EQ(e.spiffe_id().trust_domain(), "example.org");
  EXPECT_EQ(e.spiffe_id().path(), "/a");
  EXPECT_EQ(e.parent_id().path(), "/p");
  ASSERT_EQ(e.selectors_size(), 2);
  EXPECT_EQ(e.selectors(1).value(), "gid:2");
  EXPECT_EQ(e.x509_svid_ttl(), 60);
  EXPECT_EQ(e.jwt_svid_ttl(), 61);
  EXPECT_EQ(e.expires_at(), 4102444800);
  ASSERT_EQ(e.federates_with_size(), 2);
  EXPECT_EQ(e.federates_with(0), "other.org");
  EXPECT_EQ(e.dns_names_size(), 2);
  EXPECT_TRUE(e.admin() && e.downstream() && e.store_svid());
  EXPECT_TRUE(e.additional_attributes().jwt_svid_include_jti());
}

TEST(EntryData, NamesMatchInAnyCaseAndUnknownOrNullOnesAreNothing) {
  const auto entries = read_entries(
      R"({"Entries": [{"SPIFFE_ID": "spiffe://td/a", "parent_id": "spiffe://td/p", "hint": null,
          "spiffeId": "ignored"}], "other": 1})");
  ASSERT_TRUE(entries.ok()) << entries.status().message();
  EXPECT_EQ(entries->at(0).spiffe_id().path(), "/a");
  EXPECT_FALSE(entries->at(0).has_additional_attributes());
  EXPECT_TRUE(read_entries("{}")->empty());
  EXPECT_TRUE(read_entries("null")->empty());
}

TEST(EntryData, ErrorsNameTheMember) {
  const auto error = [](const std::string& entry) {
    return read_entries(
               R"({"entries": [{"spiffe_id": "spiffe://td/a", "parent_id": "spiffe://td/p"},)" +
               entry + "]}")
        .status()
        .message();
  };
  EXPECT_EQ(error("null"), "missing registration entry");
  EXPECT_EQ(error("3"), "entries[1]: an object is expected");
  EXPECT_EQ(error(R"({"x509_svid_ttl": "60"})"),
            "entries[1].x509_svid_ttl: a whole number within range is expected");
  EXPECT_EQ(error(R"({"x509_svid_ttl": 2147483648})"),
            "entries[1].x509_svid_ttl: a whole number within range is expected");
  EXPECT_EQ(error(R"({"jwt_svid_ttl": 1.5})"),
            "entries[1].jwt_svid_ttl: a whole number within range is expected");
  EXPECT_EQ(error(R"({"dns_names": ["a", 1]})"), "entries[1].dns_names[1]: a string is expected");
  EXPECT_EQ(error(R"({"selectors": [{"type": 1}]})"),
            "entries[1].selectors[0].type: a string is expected");
  EXPECT_EQ(error(R"({"spiffe_id": "x"})"), "invalid SPIFFE ID: scheme is missing or invalid");
  EXPECT_EQ(error(R"({"spiffe_id": "spiffe://td/a"})"), "invalid parent ID: cannot be empty");
  EXPECT_EQ(read_entries("[]").status().message(), "the JSON is not an object");
  EXPECT_TRUE(read_entries("{not json").status().message().starts_with("invalid JSON: "));
}

TEST(EntryIds, AreAListOfStrings) {
  EXPECT_EQ(*read_entry_ids(R"({"ids": ["a", "b"]})"), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(read_entry_ids(R"({"ids": "a"})").status().message(), "ids: an array is expected");
}

}  // namespace
}  // namespace signet::server::cli
