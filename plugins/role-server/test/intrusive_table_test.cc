#include "intrusive_table.h"

#include <deque>
#include <map>
#include <random>
#include <string>

#include <gtest/gtest.h>

namespace signet::server {
namespace {

struct Item {
  std::string key;
  int value = 0;
  Item* next = nullptr;
};
struct KeyOf {
  std::string_view operator()(const Item& item) const { return item.key; }
};
using Table = IntrusiveTable<Item, &Item::next, KeyOf>;

TEST(IntrusiveTable, AnEmptyOneFindsNothing) {
  const Table table;
  EXPECT_EQ(table.find("a"), nullptr);
  EXPECT_EQ(table.size(), 0u);
}

TEST(IntrusiveTable, RandomChangesAgreeWithAMap) {
  std::mt19937 random(20261128);
  std::deque<Item> items;  // which do not move
  std::map<std::string, Item*, std::less<>> expected;
  Table table;
  for (int step = 0; step < 20'000; ++step) {
    const std::string key = std::to_string(random() % 500);
    Item* const known = table.find(key);
    switch (random() % 3) {
      case 0:
        if (known == nullptr) {
          table.insert(items.emplace_back(Item{key, step, nullptr}));
          expected[key] = &items.back();
        }
        break;
      case 1:
        if (known != nullptr) {
          table.remove(*known);
          expected.erase(key);
        }
        break;
      default:
        if (known != nullptr) {
          table.replace(*known, items.emplace_back(Item{key, step, nullptr}));
          expected[key] = &items.back();
        }
    }
    const auto at = expected.find(key);
    ASSERT_EQ(table.find(key), at == expected.end() ? nullptr : at->second) << "step " << step;
    ASSERT_EQ(table.size(), expected.size());
  }
  std::map<std::string, Item*, std::less<>> seen;
  table.for_each([&](const Item& item) { seen[item.key] = const_cast<Item*>(&item); });
  EXPECT_EQ(seen, expected);
  std::size_t drained = 0;
  table.drain([&](Item& item) {
    item.next = nullptr;  // as if it were gone
    ++drained;
  });
  EXPECT_EQ(drained, expected.size());
  EXPECT_EQ(table.size(), 0u);
  EXPECT_EQ(table.find("1"), nullptr);
}

}  // namespace
}  // namespace signet::server
