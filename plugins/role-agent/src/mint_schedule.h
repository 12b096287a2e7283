// MintSchedule: which entries need an X509-SVID now, and when the others will.
//
// Each item is at one place; what moves it is a change of its own or that its time came, so that
// nobody walks over those for which nothing changed. Without locks: the owner's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <unordered_set>
#include <utility>

namespace signet::agent {

// Where an item stands. Derived from by what is scheduled; it stays where it is in memory.
struct MintItem {
  enum class Place {
    kNone,
    kWanted,    // it has no SVID, and a caller waits for one
    kSpare,     // it has none and nobody waits: made when there is room
    kUrgent,    // its SVID is to be replaced, and a caller has it
    kTainted,   // its SVID is to be replaced, for its authority is distrusted soon
    kOld,       // its SVID is to be replaced
    kLater,     // it will be due at wall_ns, or at mono_ns
    kHeldBack,  // until mono_ns
  };
  Place place = Place::kNone;
  std::int64_t wall_ns = 0;
  std::int64_t mono_ns = 0;
};

class MintSchedule {
 public:
  using Items = std::unordered_set<MintItem*>;
  static constexpr std::int64_t kNever = INT64_MAX;

  void remove(MintItem& item);
  /// At one of the places without a time.
  void put(MintItem& item, MintItem::Place place);
  /// kLater: until the wall clock, or the monotonic one, shows this; kNever: not by that one.
  void later(MintItem& item, std::int64_t wall_ns, std::int64_t mono_ns);
  void hold_back(MintItem& item, std::int64_t mono_ns);

  /// Takes out those whose time has come and gives them to place(), which puts them elsewhere.
  template <typename Fn>
  void advance(std::int64_t wall_ns, std::int64_t mono_ns, Fn place) {
    take_until(by_wall_, wall_ns, place);
    take_until(by_mono_, mono_ns, place);
  }
  /// How long until the next one's time comes; kNever when there is none.
  std::int64_t until_next(std::int64_t wall_ns, std::int64_t mono_ns) const;

  const Items& wanted() const { return wanted_; }
  const Items& spare() const { return spare_; }
  const Items& urgent() const { return urgent_; }
  const Items& tainted() const { return tainted_; }
  const Items& old() const { return old_; }

 private:
  using Times = std::set<std::pair<std::int64_t, MintItem*>>;

  Items* items_at(MintItem::Place place);
  template <typename Fn>
  void take_until(Times& times, std::int64_t now, Fn& place) {
    while (!times.empty() && times.begin()->first <= now) {
      MintItem& item = *times.begin()->second;
      remove(item);
      place(item);
    }
  }

  Items wanted_, spare_, urgent_, tainted_, old_;
  Times by_wall_;  // kLater
  Times by_mono_;  // kLater and kHeldBack
};

}  // namespace signet::agent
