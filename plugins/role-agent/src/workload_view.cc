#include "workload_view.h"

namespace signet::agent {
namespace {

constexpr std::size_t kIdleViews = 1024;  // kept for callers that do not subscribe

bool same_picture(const WorkloadUpdate& a, const WorkloadUpdate& b) {
  return a.entries == b.entries && a.bundle == b.bundle && a.federated == b.federated &&
         std::equal(a.identities.begin(), a.identities.end(), b.identities.begin(),
                    b.identities.end(), [](const Identity& x, const Identity& y) {
                      return x.entry == y.entry && x.svid == y.svid;
                    });
}

}  // namespace

Blob WorkloadUpdate::encoded(int kind,
                             const std::function<Blob(const WorkloadUpdate&)>& make) const {
  const std::lock_guard lock(mutex_);
  Blob& blob = encoded_[kind];
  if (!blob) blob = make(*this);
  return blob;
}

// One who waits for changes. The mutex is held while the callback runs, so that stop() returns
// only when it does not; recursive, for a callback that ends its own subscription.
struct WorkloadView::Subscriber {
  std::recursive_mutex mutex;
  std::function<void()> changed;
  bool live = true;
  std::size_t index = 0;  // in the view's list

  void fire() {
    const std::lock_guard lock(mutex);
    if (live) changed();
  }
  void stop() {
    const std::lock_guard lock(mutex);
    live = false;
  }
};

class WorkloadView::ViewSubscription final : public Subscription {
 public:
  ViewSubscription(ViewPtr view, std::shared_ptr<Subscriber> subscriber)
      : view_(std::move(view)), subscriber_(std::move(subscriber)) {}
  ~ViewSubscription() override {
    subscriber_->stop();
    const std::lock_guard lock(view_->mutex_);
    auto& list = view_->subscribers_;
    list.back()->index = subscriber_->index;
    std::swap(list[subscriber_->index], list.back());
    list.pop_back();
  }
  WorkloadUpdatePtr current() const override { return view_->picture(); }

 private:
  ViewPtr view_;
  std::shared_ptr<Subscriber> subscriber_;
};

WorkloadUpdatePtr WorkloadView::picture() const {
  const std::lock_guard lock(mutex_);
  return current_;
}

std::size_t WorkloadView::subscribers() const {
  const std::lock_guard lock(mutex_);
  return subscribers_.size();
}

bool WorkloadView::publish(std::shared_ptr<WorkloadUpdate> next, std::uint64_t version) {
  const std::lock_guard lock(mutex_);
  if (current_ && same_picture(*current_, *next)) return false;
  next->version = version;
  current_ = std::move(next);
  return true;
}

std::unique_ptr<Subscription> WorkloadView::subscribe(std::function<void()> changed) {
  auto subscriber = std::make_shared<Subscriber>();
  subscriber->changed = std::move(changed);
  {
    const std::lock_guard lock(mutex_);
    subscriber->index = subscribers_.size();
    subscribers_.push_back(subscriber);
  }
  return std::make_unique<ViewSubscription>(shared_from_this(), std::move(subscriber));
}

void WorkloadView::notify(const Host& host) {
  {
    const std::lock_guard lock(mutex_);
    if (subscribers_.empty()) return;
    if (notifying_) {
      again_ = true;
      return;
    }
    notifying_ = true;
  }
  const auto tell = [view = shared_from_this()] {
    std::vector<std::shared_ptr<Subscriber>> all;
    while (true) {
      {
        const std::lock_guard lock(view->mutex_);
        view->again_ = false;
        all = view->subscribers_;
      }
      for (const auto& subscriber : all) subscriber->fire();
      const std::lock_guard lock(view->mutex_);
      if (view->again_) continue;
      view->notifying_ = false;
      return;
    }
  };
  if (!host.post(tell).ok()) tell();  // no worker free; this is one
}

WorkloadView* WorkloadViews::find(const SelectorSet& selectors) const {
  const auto found = views_.find(selectors);
  return found == views_.end() ? nullptr : found->get();
}

WorkloadView& WorkloadViews::add(const SelectorSet& selectors, std::int64_t now_ns) {
  make_room();
  const auto view = std::make_shared<WorkloadView>(selectors, now_ns);
  views_.insert(view);
  for (const Selector& selector : selectors) under_.add(selector, view.get());
  return *view;
}

void WorkloadViews::touched(const SelectorSet& selectors, ViewSet& out) const {
  const std::vector<WorkloadView*>* fewest = nullptr;
  for (const Selector& selector : selectors) {
    const std::vector<WorkloadView*>* const list = under_.find(selector);
    if (list == nullptr) return;  // no view has this selector
    if (fewest == nullptr || list->size() < fewest->size()) fewest = list;
  }
  if (fewest == nullptr) return;
  for (WorkloadView* view : *fewest) {
    if (contains(view->selectors(), selectors)) out.insert(view);
  }
}

void WorkloadViews::make_room() {
  if (views_.size() < kIdleViews) return;
  std::vector<std::pair<std::int64_t, WorkloadView*>> idle;
  for (const ViewPtr& view : views_) {
    if (view->subscribers() == 0) idle.emplace_back(view->used_ns(), view.get());
  }
  if (idle.size() < kIdleViews) return;
  const auto middle = idle.begin() + static_cast<std::ptrdiff_t>(idle.size() / 2);
  std::nth_element(idle.begin(), middle, idle.end());
  for (auto it = idle.begin(); it != middle; ++it) {
    WorkloadView* const view = it->second;
    for (const Selector& selector : view->selectors()) under_.remove(selector, view);
    views_.erase(views_.find(view->selectors()));
  }
}

}  // namespace signet::agent
