#include "mint_schedule.h"

#include <gtest/gtest.h>

namespace signet::agent {
namespace {

using Place = MintItem::Place;

TEST(MintSchedule, AnItemIsAtOnePlace) {
  MintSchedule schedule;
  MintItem item;
  schedule.put(item, Place::kSpare);
  schedule.put(item, Place::kWanted);
  EXPECT_TRUE(schedule.spare().empty());
  EXPECT_EQ(schedule.wanted().size(), 1u);
  schedule.later(item, 10, 20);
  EXPECT_TRUE(schedule.wanted().empty());
  EXPECT_EQ(schedule.until_next(0, 0), 10);
  schedule.hold_back(item, 30);
  EXPECT_EQ(schedule.until_next(0, 0), 30);
  schedule.remove(item);
  EXPECT_EQ(schedule.until_next(0, 0), MintSchedule::kNever);
  EXPECT_EQ(item.place, Place::kNone);
}

TEST(MintSchedule, GivesOutThoseWhoseTimeHasComeByEitherClock) {
  MintSchedule schedule;
  MintItem by_wall, by_mono, held, later;
  schedule.later(by_wall, 10, MintSchedule::kNever);
  schedule.later(by_mono, 1000, 10);
  schedule.hold_back(held, 10);
  schedule.later(later, 1000, 1000);
  std::set<MintItem*> out;
  const auto note = [&](MintItem& item) { out.insert(&item); };
  schedule.advance(9, 9, note);
  EXPECT_TRUE(out.empty());
  schedule.advance(10, 10, note);
  EXPECT_EQ(out, (std::set<MintItem*>{&by_wall, &by_mono, &held}));
  EXPECT_EQ(schedule.until_next(10, 10), 990);
}

TEST(MintSchedule, WhatIsPastIsNext) {
  MintSchedule schedule;
  MintItem item;
  schedule.later(item, 10, MintSchedule::kNever);
  EXPECT_EQ(schedule.until_next(50, 0), 0);
}

}  // namespace
}  // namespace signet::agent
