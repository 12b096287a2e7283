#include "hold.h"

#include <algorithm>
#include <vector>

namespace signet::agent {
namespace {

using std::chrono::nanoseconds;

constexpr std::chrono::hours kIdle{1};
constexpr std::chrono::seconds kLook{1};  // at those whose calls have ended meanwhile
// So long before the end the server is asked, if nobody has since: longer than from one question to
// the next.
constexpr std::int64_t kLeadNs = 1'500'000'000;
constexpr std::int64_t kAnswerTimeNs = 500'000'000;  // before a caller's own deadline

}  // namespace

Hold::Hold(Host host, Options options, std::function<void(bool due)> ask)
    : host_(std::move(host)),
      options_(options),
      ask_(std::move(ask)),
      loop_(host_, [this] { return round(); }) {}

std::optional<std::uint64_t> Hold::take(Caller caller) {
  const std::int64_t now = host_.monotonic_ns();
  std::int64_t last = now + 2 * options_.time.count();
  if (caller.deadline_ns != INT64_MAX)
    last = std::min(last,
                    caller.deadline_ns - std::max(kAnswerTimeNs, (caller.deadline_ns - now) / 10));
  std::uint64_t number = 0;
  {
    const std::lock_guard lock(mutex_);
    std::size_t& of_user = of_user_[caller.uid];
    if (stopped_ || !enabled() || last <= now || held_.size() >= options_.most ||
        of_user >= std::max<std::size_t>(options_.most / 4, 1)) {
      if (of_user == 0) of_user_.erase(caller.uid);
      return std::nullopt;
    }
    ++of_user;
    number = ++last_number_;
    const std::int64_t due = std::min(now + options_.time.count(), last);
    held_.emplace(number, Held{std::move(caller), now, due, last});
  }
  ask_(false);
  loop_.kick();
  return number;
}

void Hold::drop(std::uint64_t number) {
  Callers::node_type gone;
  const std::lock_guard lock(mutex_);
  if (const auto at = held_.find(number); at != held_.end()) gone = extract_locked(at);
}

void Hold::level(std::int64_t as_of_ns) {
  {
    const std::lock_guard lock(mutex_);
    level_ns_ = std::max(level_ns_, as_of_ns);
    if (held_.empty()) return;
  }
  loop_.kick();
}

std::size_t Hold::count() const {
  const std::lock_guard lock(mutex_);
  return held_.size();
}

void Hold::start() { loop_.start(kIdle); }

void Hold::stop() {
  Callers ended;
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    ended.swap(held_);
    of_user_.clear();
  }
  for (const auto& [number, held] : ended) held.caller.over(false);
  loop_.stop();
}

Hold::Callers::node_type Hold::extract_locked(Callers::iterator at) {
  const auto of_user = of_user_.find(at->second.caller.uid);
  if (--of_user->second == 0) of_user_.erase(of_user);
  return held_.extract(at);
}

nanoseconds Hold::round() {
  std::vector<std::pair<Callers::node_type, bool>> over;
  std::vector<Callers::node_type> gone;
  bool due = false;
  std::int64_t next = INT64_MAX;
  const std::int64_t now = host_.monotonic_ns();
  {
    const std::lock_guard lock(mutex_);
    for (auto at = held_.begin(); at != held_.end();) {
      const auto here = at++;
      Held& held = here->second;
      const bool confirmed = level_ns_ >= held.since_ns;
      if (held.caller.gone()) {
        gone.push_back(extract_locked(here));
      } else if (now >= held.last_ns || (now >= held.due_ns && confirmed)) {
        over.emplace_back(extract_locked(here), confirmed);
      } else {
        const std::int64_t asking_ns = held.due_ns - kLeadNs;
        due |= !confirmed && now >= asking_ns;
        next = std::min(next, now < asking_ns     ? asking_ns
                              : now < held.due_ns ? held.due_ns
                                                  : held.last_ns);
      }
    }
  }
  for (const auto& [held, confirmed] : over) held.mapped().caller.over(confirmed);
  if (next == INT64_MAX) return kIdle;
  ask_(due);
  return std::min<nanoseconds>(nanoseconds(next - now), kLook);
}

}  // namespace signet::agent
