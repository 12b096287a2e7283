#include "life/start_order.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace signet::kernel {
namespace {

using testing::ElementsAre;

TEST(StartOrder, KeepsTheOrderOfTheConfigurationAndPutsTheRoleLast) {
  const auto order = start_order({{"role", {}, {}, true}, {"a", {}, {}}, {"b", {}, {}}});
  ASSERT_TRUE(order.ok());
  EXPECT_THAT(*order, ElementsAre(1, 2, 0));
}

TEST(StartOrder, ProvidersComeBeforeThoseThatNeedThem) {
  const auto order =
      start_order({{"a", {"a/1"}, {"b/1"}}, {"b", {"b/1"}, {"c/1"}}, {"c", {"c/1"}, {}}});
  ASSERT_TRUE(order.ok());
  EXPECT_THAT(*order, ElementsAre(2, 1, 0));
}

TEST(StartOrder, ARoleThatIsNeededStartsBeforeItsUser) {
  const auto order = start_order({{"role", {"r/1"}, {}, true}, {"a", {}, {"r/1"}}, {"b", {}, {}}});
  ASSERT_TRUE(order.ok());
  EXPECT_THAT(*order, ElementsAre(0, 1, 2));
}

TEST(StartOrder, ACycleIsAnErrorWithItsPath) {
  const auto order = start_order({{"x", {}, {"a/1"}},
                                  {"A \"a\"", {"a/1"}, {"b/1"}},
                                  {"B \"b\"", {"b/1"}, {"c/1"}},
                                  {"C \"c\"", {"c/1"}, {"a/1"}}});
  ASSERT_FALSE(order.ok());
  EXPECT_EQ(order.status().message(),
            "plugins need each other: A \"a\" needs b/1 of B \"b\", B \"b\" needs c/1 of C \"c\", "
            "C \"c\" needs a/1 of A \"a\"");
}

}  // namespace
}  // namespace signet::kernel
