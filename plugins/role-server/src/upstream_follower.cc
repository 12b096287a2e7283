#include "upstream_follower.h"

#include <algorithm>

#include "upstream_ca.h"

namespace signet::server {
namespace {

using std::chrono::nanoseconds;

constexpr std::chrono::seconds kLookEvery{5};
constexpr std::int64_t kFirstPause = nanoseconds(std::chrono::seconds(5)).count();
constexpr std::int64_t kLongestPause = nanoseconds(std::chrono::minutes(1)).count();

}  // namespace

UpstreamFollower::UpstreamFollower(const Host& host, Authorities& authorities)
    : UpstreamFollower(host,
                       {[&authorities](const UpstreamRoots& told) {
                          std::vector<Authorities::UpstreamRoot> roots;
                          for (const UpstreamRoot& root : told) {
                            roots.push_back({root.certificate, root.tainted});
                          }
                          return authorities.upstream_roots(roots);
                        },
                        [&authorities](const UpstreamKeys& keys) {
                          return authorities.upstream_keys(authorities_of<JwtAuthorities>(keys));
                        },
                        [&authorities](const UpstreamKeys& keys) {
                          return authorities.upstream_keys(authorities_of<WitAuthorities>(keys));
                        }}) {}

Status UpstreamFollower::start() {
  if (ServiceHandle<signet_upstream_authority>::names(host_, SIGNET_UPSTREAM_AUTHORITY).empty()) {
    return {};
  }
  SIGNET_TRY(UpstreamAuthorityClient client, UpstreamAuthorityClient::acquire(host_));
  client_.emplace(std::move(client));
  SIGNET_RETURN_IF_ERROR(timer_.start_every(host_, kLookEvery, [this] { look(); }));
  wake();
  return {};
}

void UpstreamFollower::stop() {
  timer_.stop();
  {
    std::unique_lock lock(mutex_);
    stopping_ = true;
    idle_.wait(lock, [this] { return !working_; });
  }
  stream_.stop();
}

void UpstreamFollower::look() {
  {
    const std::lock_guard lock(mutex_);
    if (subscribed_ && news_.empty()) return;
    if (host_.monotonic_ns() < not_before_ns_) return;
  }
  wake();
}

template <typename List>
void UpstreamFollower::note(std::optional<List> News::*part, List list) {
  {
    const std::lock_guard lock(mutex_);
    news_.*part = std::move(list);
  }
  wake();
}

void UpstreamFollower::wake() {
  {
    const std::lock_guard lock(mutex_);
    if (working_ || stopping_) return;
    working_ = true;
  }
  if (host_.post([this] { work(); }).ok()) return;
  // Too much to do just now: the timer looks again.
  const std::lock_guard lock(mutex_);
  working_ = false;
  idle_.notify_all();
}

void UpstreamFollower::work() {
  std::unique_lock lock(mutex_);
  while (!stopping_ && (!subscribed_ || !news_.empty())) {
    News news = std::exchange(news_, News());
    const bool subscribed = subscribed_;
    lock.unlock();
    Status status = apply(news);
    if (status.ok() && !subscribed) status = subscribe();
    lock.lock();
    if (status.ok()) {
      pause_ns_ = 0;
      continue;
    }
    host_.log_status(LogLevel::kError, "Upstream authority cannot be followed", status);
    // What is newer counts.
    if (!news_.roots) news_.roots = std::move(news.roots);
    if (!news_.jwt_keys) news_.jwt_keys = std::move(news.jwt_keys);
    if (!news_.wit_keys) news_.wit_keys = std::move(news.wit_keys);
    pause_ns_ = std::clamp(2 * pause_ns_, kFirstPause, kLongestPause);
    not_before_ns_ = host_.monotonic_ns() + pause_ns_;
    break;
  }
  working_ = false;
  idle_.notify_all();
}

Status UpstreamFollower::subscribe() {
  const auto set = [this](bool subscribed) {
    const std::lock_guard lock(mutex_);
    subscribed_ = subscribed;
  };
  set(true);  // before it can end again
  auto roots = client_->subscribe(
      stream_, {[this](UpstreamRoots news) { note(&News::roots, std::move(news)); },
                [this](UpstreamKeys news) { note(&News::jwt_keys, std::move(news)); },
                [this](UpstreamKeys news) { note(&News::wit_keys, std::move(news)); },
                [this, set](const Status&) {
                  set(false);
                  wake();
                }});
  if (!roots) {
    set(false);
    return roots.status();
  }
  const std::lock_guard lock(mutex_);
  if (!news_.roots) news_.roots = std::move(*roots);
  return {};
}

Status UpstreamFollower::apply(const News& news) {
  if (news.jwt_keys) SIGNET_RETURN_IF_ERROR(sink_.on_jwt_keys(*news.jwt_keys));
  if (news.wit_keys) SIGNET_RETURN_IF_ERROR(sink_.on_wit_keys(*news.wit_keys));
  if (news.roots) SIGNET_RETURN_IF_ERROR(sink_.on_roots(*news.roots));
  return {};
}

}  // namespace signet::server
