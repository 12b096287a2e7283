#include "loader/elf_reader.h"

#include <cstring>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "test_files.h"

namespace signet::kernel {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::uint8_t> bytes_of(const std::string& plugin) {
  const std::string text = read_text(std::string(SIGNET_TEST_PLUGINS) + "/" + plugin + ".so");
  return {text.begin(), text.end()};
}

TEST(ElfReader, ReadsAPluginsFacts) {
  const auto bytes = bytes_of("role-test");
  const auto facts = read_elf(MemorySource(bytes));
  ASSERT_TRUE(facts.ok()) << facts.status().message();
  EXPECT_EQ(facts->machine, host_machine());
  EXPECT_THAT(facts->exports, ElementsAre("signet_plugin_entry"));
  EXPECT_TRUE(check_elf(*facts).ok());
  const auto note = parse_note(facts->note);
  ASSERT_TRUE(note.ok());
  EXPECT_EQ(note->name, "role-test");
  EXPECT_EQ(note->abi_major, 1u);
  EXPECT_THAT(note->services, ElementsAre("signet.role/1", "signet.command/1"));
  EXPECT_THAT(note->commands, ElementsAre("testd", "test-alias"));
}

TEST(ElfReader, RefusesLibrariesByPathAndAnotherOpenSsl) {
  const auto bytes = bytes_of("widget-good");
  auto facts = read_elf(MemorySource(bytes)).value();
  EXPECT_THAT(facts.needed, Contains("libc.so.6"));
  for (const char* good : {"libcrypto.so.3", "libssl.so.3", "libpq.so.5", "libcryptopp.so.8"}) {
    facts.needed = {good};
    EXPECT_TRUE(check_elf(facts).ok()) << good;
  }
  for (const char* bad : {"/tmp/libx.so", "./libx.so", "libssl.so.1.1", "libcrypto.so.4"}) {
    facts.needed = {"libc.so.6", bad};
    EXPECT_THAT(check_elf(facts).message(), HasSubstr(bad));
  }
}

TEST(ElfReader, NamesAForeignArchitecture) {
  auto bytes = bytes_of("widget-good");
  const std::uint16_t foreign = host_machine() == 183 ? 62 : 183;
  std::memcpy(bytes.data() + 18, &foreign, 2);
  const auto facts = read_elf(MemorySource(bytes));
  ASSERT_TRUE(facts.ok());
  EXPECT_THAT(check_elf(*facts).message(), HasSubstr("wrong architecture"));
  bytes[4] = 1;  // 32 bit
  EXPECT_THAT(read_elf(MemorySource(bytes)).status().message(), HasSubstr("wrong architecture"));
}

TEST(ElfReader, RefusesWhatIsNotElf) {
  const std::string text = "#!/bin/sh\nexit 0\n" + std::string(100, ' ');
  const std::vector<std::uint8_t> bytes(text.begin(), text.end());
  EXPECT_FALSE(read_elf(MemorySource(bytes)).ok());
  EXPECT_FALSE(read_elf(MemorySource({})).ok());
}

TEST(ElfReader, SurvivesEveryTruncation) {
  const auto bytes = bytes_of("widget-good");
  for (std::size_t n = 0; n < bytes.size(); n += 97) {
    const std::vector<std::uint8_t> cut(bytes.begin(),
                                        bytes.begin() + static_cast<std::ptrdiff_t>(n));
    static_cast<void>(read_elf(MemorySource(cut)).ok());
  }
}

TEST(ElfReader, SurvivesRandomDamage) {
  const auto bytes = bytes_of("widget-good");
  std::mt19937 random(7);
  for (int round = 0; round < 500; ++round) {
    auto damaged = bytes;
    // The headers at both ends are what the reader goes by.
    for (int i = 0; i < 8; ++i) {
      const std::size_t near = random() % 4096;
      damaged[random() % 2 == 0 ? near % damaged.size()
                                : damaged.size() - 1 - near % damaged.size()] =
          static_cast<std::uint8_t>(random());
    }
    if (const auto facts = read_elf(MemorySource(damaged)); facts.ok()) {
      static_cast<void>(parse_note(facts->note).ok());
    }
  }
}

TEST(PluginNoteText, NeedsANameAndAnAbi) {
  const auto parse = [](std::string_view text) { return parse_note(text); };
  EXPECT_TRUE(parse(std::string_view("name=a\0abi=1.0\0", 15)).ok());
  EXPECT_FALSE(parse(std::string_view("abi=1.0\0", 8)).ok());
  EXPECT_FALSE(parse(std::string_view("name=a\0abi=one\0", 15)).ok());
  EXPECT_FALSE(parse(std::string_view("name=a\nb\0abi=1.0\0", 17)).ok());
  EXPECT_FALSE(parse("nonsense").ok());
}

TEST(PluginNoteText, SkipsKeysOfLaterHeaders) {
  const auto note =
      parse_note(std::string_view("name=a\0abi=1.7\0colour=red\0needs=x/1,y/2\0", 40));
  ASSERT_TRUE(note.ok());
  EXPECT_EQ(note->abi_minor, 7u);
  EXPECT_THAT(note->needs, ElementsAre("x/1", "y/2"));
}

}  // namespace
}  // namespace signet::kernel
