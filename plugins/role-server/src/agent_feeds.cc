#include "agent_feeds.h"

#include <algorithm>
#include <pthread.h>

#include "signet/delivery/v1/delivery.pb.h"

#include "agent_records.h"
#include "entry_wire.h"

namespace signet::server {
namespace {

namespace api = ::signet::delivery::v1;

// Changes that follow one another are told together.
constexpr std::int64_t kPauseNs = 10'000'000;
// Of those that concern many agents: 2,500 agents a second, each of which may want an SVID at once,
// and 1,000 of those that are to ask for everything. Either leaves the server half of a processor's
// time for others.
constexpr std::int64_t kManyPauseNs = 400'000;
constexpr std::int64_t kResyncPauseNs = 1'000'000;
// So many feeds are asked at once whether what concerns many concerns them, some 100 us.
constexpr std::size_t kLookedAtOnce = 256;
// A feed that has more notes to look at is told to ask for everything.
constexpr std::size_t kMostNotes = 1024;
// More is not told but asked for, in calls that are made for it.
constexpr std::size_t kMostEntries = 10'000;
constexpr std::size_t kLongestAnswer = 1 << 20;
// A call ends after a random time, so that agents come to servers that were restarted.
constexpr std::int64_t kShortestCallNs = INT64_C(600'000'000'000);
constexpr std::int64_t kLongestCallNs = 2 * kShortestCallNs;
// An agent that connects anew may come before its old connection is known to be lost.
constexpr std::size_t kMostPerAgent = 2;

}  // namespace

void AgentFeeds::start() {
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "agent-feeds");
    run();
  });
}

void AgentFeeds::stop() {
  close();
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void AgentFeeds::open() {
  const std::lock_guard lock(mutex_);
  open_ = true;
}

void AgentFeeds::close() {
  std::vector<FeedPtr> feeds;
  {
    const std::lock_guard lock(mutex_);
    open_ = false;
    for (const auto& [path, feed] : feeds_) feeds.push_back(feed);
  }
  for (const FeedPtr& feed : feeds)
    feed->call->finish(Status::unavailable("the server is shutting down"));
}

void AgentFeeds::follow(const std::shared_ptr<CallContext>& call, std::string_view first) {
  api::FollowRequest request;
  if (!call->call().parse(first, request)) return;
  auto feed = std::make_shared<Feed>();
  feed->call = call;
  feed->agent_id = call->caller_id().to_string();
  feed->agent_path = call->caller_id().path();
  feed->fields = entry_fields(request.has_output_mask() ? &request.output_mask() : nullptr);
  feed->answers_words = request.answer_still_here();
  ServerCall& rpc = call->call();
  rpc.on_message = [this, feed](std::string_view bytes) { heard(feed, bytes); };
  rpc.on_half_close = [feed] { feed->call->finish({}); };
  rpc.on_done = [this, feed] { forget(feed); };

  const std::int64_t now = host_.monotonic_ns();
  const std::int64_t left_s = call->caller().identity->not_after - host_.unix_seconds();
  FeedPtr replaced;
  bool refused = false;
  {
    const std::lock_guard lock(mutex_);
    refused = !open_;
    if (!refused) {
      const auto same = feeds_.equal_range(feed->agent_path);
      if (static_cast<std::size_t>(std::distance(same.first, same.second)) >= kMostPerAgent) {
        replaced = std::min_element(same.first, same.second, [](const auto& a, const auto& b) {
                     return a.second->ends.second < b.second->ends.second;
                   })->second;
      }
      std::uniform_int_distribution<std::int64_t> age(kShortestCallNs, kLongestCallNs);
      const std::int64_t at_most = std::clamp<std::int64_t>(left_s, 0, 3600) * 1'000'000'000;
      feed->ends = {now + std::min(age(random_), at_most), ++number_};
      ends_.emplace(feed->ends, feed);
      feeds_.emplace(feed->agent_path, feed);
      feed->looked_at = noted_;
      feed->in_turn = in_turn_.insert(in_turn_.end(), feed);
      count_ = feeds_.size();
      enqueue(feed, kFew);
    }
  }
  if (refused) return call->finish(Status::unavailable("the server is shutting down"));
  if (replaced) replaced->call->finish(Status::cancelled("the agent has called anew"));
  rpc.read();
}

void AgentFeeds::bundle_changed(std::string_view trust_domain) {
  if (!watching()) return;
  const std::lock_guard lock(mutex_);
  note({.number = 0, .bundle = std::string(trust_domain), .concerned = {}});
}

// An agent that has called anew is where its better call is.
std::optional<AgentFeeds::Progress> AgentFeeds::progress(std::string_view agent_path,
                                                         std::string_view entry_id) const {
  using Lacks = Progress::Lacks;
  const std::uint64_t reached = changes_.reached();  // before it is seen what is to be told
  std::optional<Progress> out;
  const std::lock_guard lock(mutex_);
  const auto same = feeds_.equal_range(agent_path);
  for (auto at = same.first; at != same.second; ++at) {
    const Feed& feed = *at->second;
    if (!feed.taken) continue;
    Progress progress{.revision = *feed.taken, .silent = {}, .lacks = Lacks::kNothing};
    if (feed.unacknowledged)
      progress.silent = std::chrono::nanoseconds(host_.monotonic_ns() - feed.sent_ns);
    const bool noted = feed.looked_at != noted_;  // what may concern it, or not
    if (feed.changes.none() && !feed.unacknowledged && !noted) {
      progress.revision = std::max(progress.revision, reached);
    } else if (feed.changes.entries.contains(entry_id) || feed.sent.entries.contains(entry_id)) {
      progress.lacks = Lacks::kThis;
    } else if (feed.changes.all || feed.sent.all || noted) {
      progress.lacks = Lacks::kMany;
    }
    if (!out || out->revision < progress.revision) out = progress;
  }
  return out;
}

void AgentFeeds::entry_changed(std::string_view agent_path, std::string_view entry_id) {
  const std::lock_guard lock(mutex_);
  const auto same = feeds_.equal_range(agent_path);
  for (auto at = same.first; at != same.second; ++at) mark_entry(at->second, entry_id, kFew);
}

void AgentFeeds::entries_changed(ManyConcerned concerned) {
  const std::lock_guard lock(mutex_);
  note({.number = 0, .bundle = {}, .concerned = std::move(concerned)});
}

void AgentFeeds::note(Note what) {
  what.number = ++noted_;
  notes_.push_back(std::make_shared<const Note>(std::move(what)));
  if (notes_.size() > kMostNotes) notes_.pop_front();
  changed_.notify_one();
}

// Those who are furthest behind.
void AgentFeeds::look_on(std::unique_lock<std::mutex>& lock) {
  std::vector<FeedPtr> feeds;
  for (const FeedPtr& feed : in_turn_) {
    if (feeds.size() >= kLookedAtOnce || feed->looked_at == noted_) break;
    feeds.push_back(feed);
  }
  look_at_notes(feeds, lock);
  const std::uint64_t all_have = in_turn_.empty() ? noted_ : in_turn_.front()->looked_at;
  while (!notes_.empty() && notes_.front()->number <= all_have) notes_.pop_front();
}

void AgentFeeds::look_at_notes(const std::vector<FeedPtr>& feeds,
                               std::unique_lock<std::mutex>& lock) {
  const std::vector<NotePtr> notes(notes_.begin(), notes_.end());
  const std::uint64_t newest = noted_;
  const std::uint64_t oldest = newest - notes.size() + 1;
  std::vector<std::pair<const FeedPtr*, const Note*>> found;
  lock.unlock();  // the index is asked; `looked_at` of an open feed is this thread's alone
  for (const FeedPtr& feed : feeds) {
    if (feed->looked_at + 1 < oldest) {
      found.emplace_back(&feed, nullptr);
      continue;
    }
    for (std::uint64_t next = feed->looked_at + 1; next <= newest; ++next) {
      const Note& what = *notes[next - oldest];
      if (!what.bundle.empty() || entries_.answers_to(feed->agent_path, what.concerned))
        found.emplace_back(&feed, &what);
    }
  }
  lock.lock();
  // Feeds that were opened meanwhile may have been so after a further note.
  auto place = in_turn_.end();
  while (place != in_turn_.begin() && (*std::prev(place))->looked_at > newest) --place;
  for (const FeedPtr& feed : feeds) {
    feed->looked_at = newest;
    if (feed->in_turn) in_turn_.splice(place, in_turn_, *feed->in_turn);
  }
  for (const auto& [feed, what] : found) {
    if (!(*feed)->in_turn) continue;  // it has ended meanwhile
    if (what != nullptr) {
      mark(*feed, *what);
    } else {
      mark_entry(*feed, {}, kMany);
    }
  }
}

void AgentFeeds::mark(const FeedPtr& feed, const Note& what) {
  if (!what.bundle.empty()) {
    if (!feed->changes.all) feed->changes.bundles.emplace(what.bundle);
    enqueue(feed, kMany);
  } else if (what.concerned.entry_ids.empty()) {
    mark_entry(feed, {}, kMany);
  } else {
    for (const std::string& id : what.concerned.entry_ids) mark_entry(feed, id, kMany);
  }
}

void AgentFeeds::mark_entry(const FeedPtr& feed, std::string_view entry_id, Class how_many) {
  Changes& changes = feed->changes;
  if (entry_id.empty() || changes.entries.size() >= kMostEntries) {
    changes = {.all = true, .entries = {}, .bundles = {}};
  } else if (!changes.all) {
    changes.entries.emplace(entry_id);
  }
  enqueue(feed, how_many);
}

// Who has something to acknowledge comes when that is done.
void AgentFeeds::enqueue(const FeedPtr& feed, Class how_many) {
  if (feed->unacknowledged || (feed->place && feed->place->first <= how_many)) return;
  leave_queue(*feed);
  std::int64_t due = std::max(host_.monotonic_ns(), feed->sent_ns + kPauseNs);
  if (how_many == kMany) {
    many_due_ns_ += feed->changes.all ? kResyncPauseNs : kManyPauseNs;
    due = many_due_ns_ = std::max(due, many_due_ns_);
  }
  const Key key(due, ++number_);
  feed->place.emplace(how_many, key);
  const auto at = queues_[how_many].emplace(key, feed).first;
  if (at == queues_[how_many].begin()) changed_.notify_one();
}

void AgentFeeds::leave_queue(Feed& feed) {
  if (feed.place) queues_[feed.place->first].erase(feed.place->second);
  feed.place.reset();
}

void AgentFeeds::heard(const FeedPtr& feed, std::string_view bytes) {
  api::FollowRequest request;
  ServerCall& rpc = feed->call->call();
  if (!rpc.parse(bytes, request)) return;
  AgentRecords::saw(*feed->call->caller().agent, host_.monotonic_ns());
  if (!request.still_here()) {
    const std::uint64_t reached = changes_.reached();
    const std::lock_guard lock(mutex_);
    feed->unacknowledged = false;
    feed->sent = {.all = false, .entries = {}, .bundles = {}};
    feed->taken = feed->told;
    if (!feed->changes.none()) {
      enqueue(feed, kFew);
    } else if (feed->looked_at == noted_) {
      feed->taken = std::max(feed->told, reached);  // what is in the views was marked before
    }
  } else if (feed->answers_words) {
    api::FollowResponse answer;
    answer.set_heard(true);
    (void)rpc.send_message(answer);
  }
  rpc.read();
}

void AgentFeeds::forget(const FeedPtr& feed) {
  const std::lock_guard lock(mutex_);
  const auto same = feeds_.equal_range(feed->agent_path);
  const auto at =
      std::find_if(same.first, same.second, [&](const auto& item) { return item.second == feed; });
  if (at != same.second) feeds_.erase(at);
  count_ = feeds_.size();
  leave_queue(*feed);
  ends_.erase(feed->ends);
  if (feed->in_turn) in_turn_.erase(*std::exchange(feed->in_turn, std::nullopt));
}

AgentFeeds::FeedPtr AgentFeeds::next_due(Class how_many, std::int64_t now) {
  const auto& queue = queues_[how_many];
  if (queue.empty() || queue.begin()->first.first > now) return nullptr;
  FeedPtr feed = queue.begin()->second;
  leave_queue(*feed);
  return feed;
}

std::vector<AgentFeeds::FeedPtr> AgentFeeds::over(std::int64_t now) {
  std::vector<FeedPtr> out;
  while (!ends_.empty() && ends_.begin()->first.first <= now) {
    out.push_back(ends_.begin()->second);
    ends_.erase(ends_.begin());
  }
  return out;
}

std::int64_t AgentFeeds::next_ns() const {
  std::int64_t next = INT64_MAX;
  for (const auto* queue : {&queues_[kFew], &queues_[kMany], &ends_}) {
    if (!queue->empty()) next = std::min(next, queue->begin()->first.first);
  }
  return next;
}

void AgentFeeds::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    const std::int64_t now = host_.monotonic_ns();
    if (const FeedPtr feed = next_due(kFew, now)) {
      send(feed, now, lock);
      continue;
    }
    const bool more = behind();
    if (more) look_on(lock);
    if (const FeedPtr feed = next_due(kMany, now)) {
      send(feed, now, lock);
      continue;
    }
    if (more) continue;
    if (const std::vector<FeedPtr> ended = over(now); !ended.empty()) {
      lock.unlock();
      for (const FeedPtr& feed : ended) feed->call->finish({});
      lock.lock();
      continue;
    }
    const std::int64_t next = next_ns();
    if (next == INT64_MAX) {
      changed_.wait(lock);
    } else {
      changed_.wait_for(lock, std::chrono::nanoseconds(std::max<std::int64_t>(next - now, 0)));
    }
  }
}

void AgentFeeds::send(const FeedPtr& feed, std::int64_t now, std::unique_lock<std::mutex>& lock) {
  feed->unacknowledged = true;
  lock.unlock();
  // Before the changes are taken: whatever is in the views by now is among them, or noted.
  const std::uint64_t revision = changes_.reached();
  lock.lock();
  if (feed->looked_at < noted_) look_at_notes({feed}, lock);
  const Changes changes =
      std::exchange(feed->changes, {.all = false, .entries = {}, .bundles = {}});
  feed->sent = changes;
  feed->unacknowledged = true;
  feed->sent_ns = now;
  feed->told = revision;
  lock.unlock();
  tell(*feed, revision, changes);
  lock.lock();
}

void AgentFeeds::tell(Feed& feed, std::uint64_t revision, const Changes& changes) const {
  std::string answer;
  append_number_field(api::FollowResponse::kRevisionFieldNumber, revision, answer);
  append_number_field(api::FollowResponse::kTimeNsFieldNumber,
                      static_cast<std::uint64_t>(host_.wall_ns()), answer);
  const std::size_t empty = answer.size();
  if (!changes.all) {
    const std::vector<std::string_view> ids(changes.entries.begin(), changes.entries.end());
    const std::vector<IndexedPtr> found = entries_.find_authorized(feed.agent_id, ids);
    auto next = found.begin();
    for (const std::string_view id : ids) {
      if (next != found.end() && (*next)->id() == id) {
        append_entry_field(api::FollowResponse::kEntriesFieldNumber, (*next++)->encoded(),
                           feed.fields, answer);
      } else {
        append_field(api::FollowResponse::kGoneFieldNumber, id, answer);
      }
    }
    for (const std::string& trust_domain : changes.bundles)
      append_field(api::FollowResponse::kBundlesFieldNumber, trust_domain, answer);
  }
  if (changes.all || answer.size() > kLongestAnswer) {
    answer.resize(empty);
    append_number_field(api::FollowResponse::kResyncFieldNumber, 1, answer);
    if (feed.answers_words) append_number_field(api::FollowResponse::kHeardFieldNumber, 1, answer);
  }
  (void)feed.call->call().send(host_.blob(answer));
}

}  // namespace signet::server
