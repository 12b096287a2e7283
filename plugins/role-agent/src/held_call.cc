#include "held_call.h"

#include "refusals.h"

namespace signet::agent {
namespace {

class Waiting : public std::enable_shared_from_this<Waiting> {
 public:
  Waiting(Hold& hold, HeldCall held) : hold_(hold), held_(std::move(held)) {}

  void begin(IdentityTable& table) {
    const auto number = hold_.take(
        {.uid = held_.uid,
         .deadline_ns = held_.call->deadline_ns(),
         .gone = [self = shared_from_this()] { return self->gone(); },
         .over = [self = shared_from_this()](
                     bool confirmed) { self->end(confirmed ? Status() : not_ready()); }});
    if (!number) return end({});
    auto subscription = table.subscribe(held_.selectors, [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->look();
    });
    {
      const std::lock_guard lock(mutex_);
      number_ = *number;
      if (!over_) subscription_ = std::move(subscription);
    }
    look();  // what came before it was subscribed
  }

 private:
  bool gone() const { return held_.call->over(); }

  void look() {
    {
      const std::lock_guard lock(mutex_);
      if (over_ || !subscription_ || !held_.enough(*subscription_->current())) return;
    }
    end({});
  }

  void end(const Status& status) {
    std::unique_ptr<Subscription> subscription;  // ended without the lock: it waits for look()
    {
      const std::lock_guard lock(mutex_);
      if (std::exchange(over_, true)) return;
      subscription = std::move(subscription_);
      hold_.drop(number_);
    }
    subscription.reset();
    held_.go_on(status);
  }

  Hold& hold_;
  const HeldCall held_;
  std::mutex mutex_;
  std::unique_ptr<Subscription> subscription_;
  std::uint64_t number_ = 0;
  bool over_ = false;
};

}  // namespace

void hold_call(Hold& hold, IdentityTable& table, HeldCall held) {
  std::make_shared<Waiting>(hold, std::move(held))->begin(table);
}

}  // namespace signet::agent
