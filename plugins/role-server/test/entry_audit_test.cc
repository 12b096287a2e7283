#include "entry_audit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace signet::server {
namespace {

using spire::api::types::Entry;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Key;
using testing::Not;
using testing::Pair;

constexpr std::uint32_t kSelectors = 1u << Entry::kSelectorsFieldNumber;

Entry with_selectors() {
  Entry entry;
  for (const auto& [type, value] : {std::pair{"docker", "env:PASSWORD=hunter2"},
                                    {"docker", "label:app:web"},
                                    {"docker", "environment:x"},
                                    {"vault", "anything"},
                                    {"unix", "uid:1"}}) {
    auto* selector = entry.add_selectors();
    selector->set_type(type);
    selector->set_value(value);
  }
  return entry;
}

TEST(EntryAudit, HasTheFieldsAskedForOnly) {
  Entry entry = with_selectors();
  entry.set_hint("internal");
  EXPECT_THAT(entry_audit_fields(entry, 1u << Entry::kHintFieldNumber, {}),
              ElementsAre(Pair("hint", "internal")));
  EXPECT_THAT(entry_audit_fields(entry, 0, {}), IsEmpty());
  EXPECT_THAT(entry_audit_fields(entry, kSelectors, {}), Not(Contains(Key("hint"))));
}

TEST(EntryAudit, SelectorsOfARedactedKindLoseTheirValues) {
  EXPECT_THAT(entry_audit_fields(with_selectors(), kSelectors, {"docker:env", "vault"}),
              ElementsAre(Pair("selectors",
                               "docker:env:[redacted],docker:label:app:web,docker:environment:x,"
                               "vault:[redacted],unix:uid:1")));
}

TEST(EntryAudit, WithoutKindsToRedactTheyAreWhole) {
  EXPECT_THAT(entry_audit_fields(with_selectors(), kSelectors, {}),
              ElementsAre(Pair("selectors",
                               "docker:env:PASSWORD=hunter2,docker:label:app:web,"
                               "docker:environment:x,vault:anything,unix:uid:1")));
}

}  // namespace
}  // namespace signet::server
