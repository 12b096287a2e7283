#include "explain/nearness.h"

#include "seeds.h"

namespace signet::explain {
namespace {

using namespace test;

TEST(Nearness, CountsWhatIsSharedAndWhatIsOfTheSameKind) {
  const auto caller = selectors({"unix:uid:1", "unix:gid:1", "docker:label:a:b"});
  const Nearness near =
      nearness(selectors({"unix:uid:1", "unix:gid:2", "docker:label:a:c", "k8s:ns:x"}), caller);
  EXPECT_EQ(near.has, selectors({"unix:uid:1"}));
  EXPECT_EQ(near.lacks, selectors({"unix:gid:2", "docker:label:a:c", "k8s:ns:x"}));
  EXPECT_EQ(near.kin, 2u);
}

TEST(Nearness, FewerLackedIsNearerThenMoreKinThenMoreShared) {
  const auto caller = selectors({"unix:uid:1", "unix:gid:1", "unix:path:/a"});
  const auto of = [&](const std::vector<std::string>& texts) {
    return nearness(selectors(texts), caller);
  };
  EXPECT_LT(of({"unix:uid:1"}), of({"unix:uid:2"}));
  EXPECT_LT(of({"unix:uid:2"}), of({"unix:uid:1", "k8s:ns:x"}));
  EXPECT_LT(of({"unix:uid:1", "unix:gid:1"}), of({"unix:uid:1"}));
  EXPECT_FALSE(of({"k8s:ns:x"}).related());
}

TEST(Nearness, ASlipOfThePenIsNearerThanAnotherThing) {
  const auto caller = selectors({"unix:uid:1000", "unix:gid:1000", "unix:path:/usr/bin/shop"});
  const auto of = [&](const std::vector<std::string>& texts) {
    return nearness(selectors(texts), caller);
  };
  const Nearness slip = of({"unix:uid:1000", "unix:path:/usr/bin/shpo"});
  EXPECT_EQ(slip.misspelt, 1u);
  EXPECT_LT(slip, of({"unix:uid:1000", "unix:gid:1000", "unix:path:/usr/bin/till"}));
  EXPECT_LT(slip, of({"unix:uid:1000", "unix:path:/usr/bin/till"}));
  EXPECT_EQ(of({"unix:uid:1001"}).misspelt, 0u);  // every number is like another
  EXPECT_LT(of({"unix:uid:1000", "unix:path:/usr/bin/till"}),
            of({"unix:uid:1000", "unix:path:/opt/something/else"}));
}

TEST(Nearness, TheKinIsTheOneSpeltMostAlike) {
  const auto caller =
      selectors({"k8s:pod-label:app:shop", "k8s:pod-label:tier:web", "k8s:ns:shop"});
  const Selector* const kin = nearest_kin(selector("k8s:pod-label:app:shpo"), caller);
  ASSERT_NE(kin, nullptr);
  EXPECT_EQ(kin->value, "pod-label:app:shop");
  EXPECT_EQ(nearest_kin(selector("k8s:sa:x"), caller), nullptr);
}

TEST(Nearness, LongValuesCostNoMore) {
  const std::string longer(100'000, 'x');
  const auto caller = selectors({"unix:path:/" + longer});
  EXPECT_NE(nearest_kin(selector("unix:path:/" + longer + "y"), caller), nullptr);
}

}  // namespace
}  // namespace signet::explain
