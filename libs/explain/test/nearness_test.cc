#include "explain/nearness.h"

#include <ctime>

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
  EXPECT_EQ(near.rank.kin, 2u);
}

TEST(Nearness, FewerLackedIsNearerThenMoreKinThenMoreShared) {
  const auto caller = selectors({"unix:uid:1", "unix:gid:1", "unix:path:/a"});
  const auto of = [&](const std::vector<std::string>& texts) {
    return nearness(selectors(texts), caller);
  };
  EXPECT_LT(of({"unix:uid:1"}), of({"unix:uid:2"}));
  EXPECT_LT(of({"unix:uid:1", "unix:gid:2"}), of({"unix:uid:1", "k8s:ns:x"}));
  EXPECT_LT(of({"unix:uid:1", "k8s:ns:x", "k8s:sa:x"}), of({"unix:uid:2"}));  // shares nothing
  EXPECT_LT(of({"unix:uid:1", "unix:gid:1"}), of({"unix:uid:1"}));
  EXPECT_FALSE(of({"k8s:ns:x"}).related());
}

TEST(Nearness, ASlipOfThePenIsNearerThanAnotherThing) {
  const auto caller = selectors({"unix:uid:1000", "unix:gid:1000", "unix:path:/usr/bin/shop"});
  const auto of = [&](const std::vector<std::string>& texts) {
    return nearness(selectors(texts), caller);
  };
  const Nearness slip = of({"unix:uid:1000", "unix:path:/usr/bin/shpo"});
  EXPECT_EQ(slip.rank.misspelt, 1u);
  EXPECT_LT(slip, of({"unix:uid:1000", "unix:gid:1000", "unix:path:/usr/bin/till"}));
  EXPECT_LT(slip, of({"unix:uid:1000", "unix:path:/usr/bin/till"}));
  EXPECT_EQ(of({"unix:uid:1001"}).rank.misspelt,
            0u);  // every number is like another
  EXPECT_LT(of({"unix:uid:1000", "unix:path:/usr/bin/till"}),
            of({"unix:uid:1000", "unix:path:/opt/something/else"}));
}

TEST(Nearness, WhatDiffersInADigitIsAnotherThing) {
  const auto caller = selectors({"k8s:sa:worker-7", "unix:path:/srv/cart", "k8s:ns:a"});
  const auto slips = [&](const std::string& text) {
    return nearness(selectors({text}), caller).rank.misspelt;
  };
  EXPECT_EQ(slips("k8s:sa:worker-8"), 0u);
  EXPECT_EQ(slips("k8s:sa:worker-71"), 0u);
  EXPECT_EQ(slips("k8s:sa:wroker-7"), 1u);
  EXPECT_EQ(slips("unix:path:/srv/crat"), 1u);
  EXPECT_EQ(slips("unix:path:/srv/carts"), 1u);
  EXPECT_EQ(slips("unix:path:/srv/card-x"), 0u);
  EXPECT_EQ(slips("k8s:ns:b"), 0u);  // too short for it
}

TEST(Nearness, TwoSlipsAreNearerThanOneSelectorOfAnotherWorkload) {
  const auto caller = selectors({"k8s:ns:shop", "k8s:sa:cart", "k8s:pod-label:app:cart"});
  const auto of = [&](const std::vector<std::string>& texts) {
    return nearness(selectors(texts), caller);
  };
  EXPECT_LT(of({"k8s:ns:shop", "k8s:sa:crat", "k8s:pod-label:app:crat"}),
            of({"k8s:ns:shop", "k8s:sa:till"}));
}

TEST(Nearness, OneRankIsTheOtherWithoutItsLists) {
  const auto caller = selectors({"unix:uid:1000", "unix:path:/usr/bin/shop", "k8s:pod-label:app:x",
                                 "k8s:pod-label:tier:web", "x509:single"});
  const Caller compared(caller);
  for (const auto& texts : std::vector<std::vector<std::string>>{
           {"unix:uid:1000"},
           {"unix:uid:1001", "unix:path:/usr/bin/shpo"},
           {"k8s:pod-label:app:y", "k8s:pod-label:tier:wbe", "docker:label:a:b"},
           {"x509:single", "x509:other"}}) {
    const auto entry = selectors(texts);
    EXPECT_EQ(compared.rank(entry).order(), nearness(entry, caller).rank.order()) << texts.front();
  }
}

TEST(Nearest, KeepsTheNearestInOrder) {
  const auto set = selectors({"unix:uid:1", "unix:gid:1"});
  const Caller caller(set);
  Nearest<int> nearest(3);
  nearest.offer(caller.rank(selectors({"k8s:ns:x"})), "unrelated", 0);
  for (int i = 0; i < 50; ++i)
    nearest.offer(caller.rank(selectors({"unix:uid:1", "unix:gid:2", "k8s:ns:x"})),
                  "far" + std::to_string(i), 1);
  nearest.offer(caller.rank(selectors({"unix:uid:1", "unix:gid:2"})), "b", 3);
  nearest.offer(caller.rank(selectors({"unix:uid:1"})), "c", 4);
  nearest.offer(caller.rank(selectors({"unix:uid:1", "unix:gid:2"})), "a", 2);
  std::vector<int> got;
  for (const auto& item : nearest.take()) got.push_back(item.entry);
  EXPECT_EQ(got, (std::vector{4, 2, 3}));
}

TEST(Nearness, TheKinIsTheOneSpeltMostAlike) {
  const auto caller =
      selectors({"k8s:pod-label:app:shop", "k8s:pod-label:tier:web", "k8s:ns:shop"});
  const Selector* const kin = nearest_kin(selector("k8s:pod-label:app:shpo"), caller);
  ASSERT_NE(kin, nullptr);
  EXPECT_EQ(kin->value, "pod-label:app:shop");
  EXPECT_EQ(nearest_kin(selector("k8s:sa:x"), caller), nullptr);
}

TEST(Nearness, OfKinThatAreAllUnlikeItIsTheOneThatBeginsAlike) {
  const auto caller =
      selectors({"k8s:pod-label:a:something-else-altogether",
                 "k8s:pod-label:app:cart-backend-of-the-shop", "k8s:pod-label:tier:web"});
  const Selector* const kin = nearest_kin(selector("k8s:pod-label:app:frontend"), caller);
  ASSERT_NE(kin, nullptr);
  EXPECT_EQ(kin->value, "pod-label:app:cart-backend-of-the-shop");
}

// A container may have thousands of variables, all unlike in long values.
TEST(Nearness, ManyOfAKindCostNoMore) {
  SelectorSet caller;
  for (int i = 0; i < 4096; ++i)
    caller.push_back(selector("docker:env:" + std::to_string(i) + std::string(200, 'a' + i % 26)));
  normalise(caller);
  const auto entry = selectors({"docker:env:" + std::string(200, 'z')});
  const std::clock_t began = std::clock();  // of the processor, which others use too
  const Caller compared(caller);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(compared.rank(entry).misspelt, 0u);
  EXPECT_NE(nearest_kin(entry.front(), caller), nullptr);
  EXPECT_LT(std::clock() - began, 5 * CLOCKS_PER_SEC);
}

TEST(Nearness, LongValuesCostNoMore) {
  const std::string longer(100'000, 'x');
  const auto caller = selectors({"unix:path:/" + longer});
  EXPECT_NE(nearest_kin(selector("unix:path:/" + longer + "y"), caller), nullptr);
}

}  // namespace
}  // namespace signet::explain
