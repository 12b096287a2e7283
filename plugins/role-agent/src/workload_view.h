// WorkloadView: what one set of selectors sees now, and those who are subscribed to it.
// WorkloadViews: all of them, found by their selectors.
//
// Safe from any thread: a view has a lock of its own, and the collection is under the lock of the
// store that fills it. Callbacks run on workers with neither held.
#pragma once

#include <atomic>
#include <unordered_set>

#include "selector_index.h"

namespace signet::agent {

class WorkloadView : public std::enable_shared_from_this<WorkloadView> {
 public:
  WorkloadView(const SelectorSet& selectors, std::int64_t now_ns)
      : selectors_(selectors), used_ns_(now_ns) {}

  const SelectorSet& selectors() const { return selectors_; }
  /// The latest picture; null only before the first publish().
  WorkloadUpdatePtr picture() const;
  std::size_t subscribers() const;
  /// Takes a new picture when it differs from the one before, with this version; says whether.
  bool publish(std::shared_ptr<WorkloadUpdate> next, std::uint64_t version);
  /// Tells the subscribers, on a worker. While that runs, further changes are gathered.
  void notify(const Host& host);
  std::unique_ptr<Subscription> subscribe(std::function<void()> changed);

  void used(std::int64_t now_ns) { used_ns_.store(now_ns, std::memory_order_relaxed); }
  std::int64_t used_ns() const { return used_ns_.load(std::memory_order_relaxed); }

 private:
  struct Subscriber;
  class ViewSubscription;

  const SelectorSet selectors_;
  std::atomic<std::int64_t> used_ns_;
  mutable std::mutex mutex_;  // guards what follows
  WorkloadUpdatePtr current_;
  std::vector<std::shared_ptr<Subscriber>> subscribers_;
  bool notifying_ = false;
  bool again_ = false;  // changed while the subscribers were being told
};
using ViewPtr = std::shared_ptr<WorkloadView>;
using ViewSet = std::unordered_set<WorkloadView*>;

class WorkloadViews {
 public:
  /// Null when nobody asked for these selectors lately.
  WorkloadView* find(const SelectorSet& selectors) const;
  /// A new view. When too many are kept that nobody is subscribed to, the older half of them goes.
  WorkloadView& add(const SelectorSet& selectors, std::int64_t now_ns);
  /// Adds the views that see something with these selectors.
  void touched(const SelectorSet& selectors, ViewSet& out) const;
  template <typename Fn>
  void for_each(Fn&& fn) const {
    for (const ViewPtr& view : views_) fn(*view);
  }

 private:
  void make_room();

  struct Hash {
    using is_transparent = void;
    std::size_t operator()(const SelectorSet& set) const { return SelectorHash()(set); }
    std::size_t operator()(const ViewPtr& view) const { return SelectorHash()(view->selectors()); }
  };
  struct Equal {
    using is_transparent = void;
    static const SelectorSet& set(const SelectorSet& s) { return s; }
    static const SelectorSet& set(const ViewPtr& view) { return view->selectors(); }
    template <typename A, typename B>
    bool operator()(const A& a, const B& b) const {
      return set(a) == set(b);
    }
  };
  std::unordered_set<ViewPtr, Hash, Equal> views_;
  SelectorLists<WorkloadView> under_;  // under each of their selectors
};

}  // namespace signet::agent
