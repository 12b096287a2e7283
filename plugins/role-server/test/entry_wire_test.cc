#include "entry_wire.h"

#include <set>

#include <gtest/gtest.h>

#include "entry_helpers.h"
#include "entry_record.h"

namespace signet::server {
namespace {

using spire::api::types::Entry;

TEST(EntryWire, AMaskOnTheBytesIsTheMaskOnTheMessage) {
  Entry entry = make_entry("id", kAgentPath, "/web", {"uid:1", "gid:2"});
  entry.set_x509_svid_ttl(60);
  entry.add_federates_with("partner.org");
  entry.add_dns_names("web.example.org");
  entry.set_admin(true);
  entry.set_expires_at(1795321662);
  entry.set_revision_number(3);
  entry.set_hint("first");
  entry.set_created_at(1795321000);
  entry.mutable_additional_attributes()->set_jwt_svid_include_jti(true);
  const std::string encoded = entry.SerializeAsString();

  std::string all;
  append_masked_entry(encoded, entry_fields(nullptr), all);
  EXPECT_EQ(all, encoded);

  const auto* descriptor = spire::api::types::EntryMask::descriptor();
  for (int chosen = -1; chosen < descriptor->field_count(); ++chosen) {
    spire::api::types::EntryMask mask;
    if (chosen >= 0) mask.GetReflection()->SetBool(&mask, descriptor->field(chosen), true);
    const uint32_t fields = entry_fields(&mask);
    std::string masked;
    append_masked_entry(encoded, fields, masked);
    Entry expected = entry;
    apply_mask(expected, fields);
    EXPECT_EQ(expected.id(), "id");
    EXPECT_EQ(masked, expected.SerializeAsString()) << mask.ShortDebugString();
  }
}

TEST(EntryWire, TheFieldOfAMaskedEntryHasItsLength) {
  Entry entry = make_entry("id", kAgentPath, "/web", {std::string(200, 'x')});
  entry.set_hint("first");
  spire::api::types::EntryMask mask;
  mask.set_hint(true);
  for (const spire::api::types::EntryMask* wanted :
       std::initializer_list<const spire::api::types::EntryMask*>{&mask, nullptr}) {
    const uint32_t fields = entry_fields(wanted);
    std::string masked;
    append_masked_entry(entry.SerializeAsString(), fields, masked);
    std::string expected;
    append_field(7, masked, expected);
    std::string field;
    append_entry_field(7, entry.SerializeAsString(), fields, field);
    EXPECT_EQ(field, expected);
    EXPECT_EQ(field.size(), field_size(7, masked));
  }
}

TEST(EntryWire, NumbersAreAsProtobufHasThem) {
  for (const int64_t number :
       {int64_t{0}, int64_t{1}, int64_t{127}, int64_t{128}, INT64_MAX, int64_t{-1}}) {
    Entry entry;
    entry.set_created_at(number);
    std::string field;
    append_number_field(Entry::kCreatedAtFieldNumber, static_cast<uint64_t>(number), field);
    EXPECT_EQ(field, entry.SerializeAsString());
    EXPECT_EQ(field.size(),
              number_field_size(Entry::kCreatedAtFieldNumber, static_cast<uint64_t>(number)));
  }
}

TEST(EntryWire, WhatAnEntryIsIndexedByIsReadFromTheBytes) {
  Entry entry = make_entry("id", kAgentPath, "/web");
  entry.mutable_parent_id()->set_trust_domain("parent.org");
  entry.set_expires_at(1795321662);
  entry.set_revision_number(3);
  entry.set_created_at(1795321000);
  entry.set_admin(true);
  const std::string encoded = entry.SerializeAsString();
  EntryParts parts;
  ASSERT_TRUE(read_entry(encoded, parts));
  EXPECT_EQ(parts.id, "id");
  EXPECT_EQ(parts.domain, "example.org");
  EXPECT_EQ(parts.path, "/web");
  EXPECT_EQ(parts.parent_domain, "parent.org");
  EXPECT_EQ(parts.parent_path, kAgentPath);
  EXPECT_EQ(parts.expires_at, 1795321662);
  EXPECT_EQ(parts.revision_number, 3);
  EXPECT_EQ(parts.created_at, 1795321000);
  EXPECT_TRUE(parts.admin);
  EXPECT_FALSE(parts.downstream);
  EXPECT_TRUE(parts.has_selectors);
}

TEST(EntryWire, TornBytesEndTheWalk) {
  const std::string encoded = make_entry("id", kAgentPath, "/web").SerializeAsString();
  const std::set<std::size_t> whole_fields = [&] {
    std::set<std::size_t> sizes = {0};
    for (const uint32_t last : {1, 2, 3}) {
      std::string out;
      append_masked_entry(encoded, (2u << last) - 1, out);
      sizes.insert(out.size());
    }
    return sizes;
  }();
  for (std::size_t size = 0; size < encoded.size(); ++size) {
    EntryParts parts;
    EXPECT_EQ(read_entry(std::string_view(encoded).substr(0, size), parts),
              whole_fields.contains(size))
        << size;
    std::string out;
    append_masked_entry(std::string_view(encoded).substr(0, size), 1u << 2, out);
    EXPECT_LE(out.size(), size);
  }
}

TEST(EntryRecord, TravelsThereAndBack) {
  Entry entry = make_entry("id", kAgentPath, "/web", {"uid:1", "gid:2"});
  entry.set_hint("h");
  entry.set_downstream(true);
  const Record record = entry_to_record(entry);
  EXPECT_EQ(entry_from_record(record)->SerializeAsString(), entry.SerializeAsString());
  Entry scratch;
  EXPECT_EQ(encoded_entry(record.body, scratch), entry.SerializeAsString());
  EXPECT_EQ(record.keys, (IndexKeys{{"spiffe_id", "spiffe://example.org/web"},
                                    {"parent_id", kAgentId},
                                    {"selector", "unix:uid:1"},
                                    {"selector", "unix:gid:2"},
                                    {"hint", "h"},
                                    {"downstream", "1"}}));
}

TEST(PageToken, IsADecimalOf32Bits) {
  EXPECT_EQ(*parse_page_token(""), 0u);
  EXPECT_EQ(*parse_page_token("4294967295"), 4294967295u);
  for (const char* bad : {"4294967296", "-1", "x", "1x", " 1"}) {
    EXPECT_EQ(parse_page_token(bad).status().message(),
              "could not parse token '" + std::string(bad) + "'");
  }
}

}  // namespace
}  // namespace signet::server
