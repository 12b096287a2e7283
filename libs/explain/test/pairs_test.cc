// Each fault alone, and each two together: exactly these are found, and the right one decides.
#include "seeds.h"

namespace signet::explain {
namespace {

using namespace test;

TEST(Faults, NoneIsFoundWhereNoneIs) {
  const auto explanation = analyse(good(), {});
  EXPECT_TRUE(explanation.identity());
  EXPECT_EQ(explanation.findings_size(), 0) << explanation.DebugString();
  EXPECT_TRUE(explanation.entries(0).matches());
}

class Alone : public testing::TestWithParam<Seed> {};
INSTANTIATE_TEST_SUITE_P(Fault, Alone, testing::ValuesIn(seeds()),
                         [](const auto& param) { return v1::Fault_Name(param.param.fault); });

TEST_P(Alone, IsNamedAndNothingElse) {
  const Seed& seed = GetParam();
  Facts facts = good();
  seed.plant(facts);
  const auto explanation = analyse(facts, {});
  EXPECT_EQ(faults(explanation), std::multiset{seed.fault}) << explanation.DebugString();
  EXPECT_EQ(explanation.identity(), !seed.blocks);
  EXPECT_EQ(decides(explanation), seed.blocks ? seed.fault : v1::NONE);
  EXPECT_FALSE(explanation.findings(0).text().empty());
  EXPECT_FALSE(explanation.findings(0).remedy().empty());
}

// What hides another fault: an agent without an identity has no entries and asks no server.
bool hidden(v1::Fault by, v1::Fault fault) {
  const bool no_agent = by == v1::AGENT_BANNED || by == v1::AGENT_NOT_ATTESTED;
  if (no_agent && (fault == v1::NOT_SYNCED || fault == v1::SERVER_AWAY)) return true;
  // It was not told of an entry that is not its own (any more).
  return (by == v1::WRONG_PARENT || by == v1::ENTRY_EXPIRED) && fault == v1::NOT_SYNCED;
}

TEST(Pairs, AreBothNamedAndTheFirstThatBlocksDecides) {
  const std::vector<Seed>& all = seeds();
  for (std::size_t i = 0; i < all.size(); ++i) {
    for (std::size_t j = i + 1; j < all.size(); ++j) {
      const Seed &one = all[i], &two = all[j];
      if (one.fault == v1::AGENT_BANNED && two.fault == v1::AGENT_NOT_ATTESTED)
        continue;  // one state
      const std::string both = v1::Fault_Name(one.fault) + " and " + v1::Fault_Name(two.fault);
      for (const bool swapped : {false, true}) {
        Facts facts = good();
        (swapped ? two : one).plant(facts);
        (swapped ? one : two).plant(facts);
        const auto explanation = analyse(facts, {});
        std::multiset<v1::Fault> want{one.fault};
        if (!hidden(one.fault, two.fault)) want.insert(two.fault);
        EXPECT_EQ(faults(explanation), want) << both << explanation.DebugString();
        // A server that is away is in the way as soon as what the agent has does not do.
        const bool first_blocks = one.blocks || (one.fault == v1::SERVER_AWAY && two.blocks);
        const v1::Fault first = first_blocks ? one.fault : two.blocks ? two.fault : v1::NONE;
        EXPECT_EQ(decides(explanation), first) << both;
        EXPECT_EQ(explanation.identity(), first == v1::NONE) << both;
      }
    }
  }
}

}  // namespace
}  // namespace signet::explain
