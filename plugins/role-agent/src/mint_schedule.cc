#include "mint_schedule.h"

#include <algorithm>

namespace signet::agent {

using Place = MintItem::Place;

MintSchedule::Items* MintSchedule::items_at(Place place) {
  switch (place) {
    case Place::kWanted:
      return &wanted_;
    case Place::kSpare:
      return &spare_;
    case Place::kUrgent:
      return &urgent_;
    case Place::kTainted:
      return &tainted_;
    case Place::kOld:
      return &old_;
    default:
      return nullptr;
  }
}

void MintSchedule::remove(MintItem& item) {
  if (Items* const items = items_at(item.place)) items->erase(&item);
  if (item.place == Place::kLater) by_wall_.erase({item.wall_ns, &item});
  if (item.place == Place::kLater || item.place == Place::kHeldBack)
    by_mono_.erase({item.mono_ns, &item});
  item.place = Place::kNone;
}

void MintSchedule::put(MintItem& item, Place place) {
  if (item.place == place) return;
  remove(item);
  items_at(place)->insert(&item);
  item.place = place;
}

void MintSchedule::later(MintItem& item, std::int64_t wall_ns, std::int64_t mono_ns) {
  remove(item);
  item.wall_ns = wall_ns;
  item.mono_ns = mono_ns;
  if (wall_ns != kNever) by_wall_.emplace(wall_ns, &item);
  if (mono_ns != kNever) by_mono_.emplace(mono_ns, &item);
  item.place = Place::kLater;
}

void MintSchedule::hold_back(MintItem& item, std::int64_t mono_ns) {
  remove(item);
  item.mono_ns = mono_ns;
  by_mono_.emplace(mono_ns, &item);
  item.place = Place::kHeldBack;
}

std::int64_t MintSchedule::until_next(std::int64_t wall_ns, std::int64_t mono_ns) const {
  std::int64_t next = kNever;
  if (!by_wall_.empty()) next = std::max<std::int64_t>(by_wall_.begin()->first - wall_ns, 0);
  if (!by_mono_.empty())
    next = std::min(next, std::max<std::int64_t>(by_mono_.begin()->first - mono_ns, 0));
  return next;
}

}  // namespace signet::agent
