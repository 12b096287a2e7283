// AgentFeeds: tells connected agents what changes for them, as it is committed.
//
// Each agent's Follow call has a feed: the IDs of entries and the trust domains of bundles that
// may have changed for it. One thread sends what gathered there and waits for the agent to have
// taken it over before it sends more, so what changes quickly comes together, as it is then.
// Nothing is remembered of what an agent has: its call begins with everything (it asks for that
// itself), and an entry is told of by looking whether it is the agent's now.
//
// What concerns many agents at once (a bundle, a node alias) is noted once, whoever they are. The
// thread then goes through the feeds, some at a time, and finds out whom it concerns; those are
// told at a bounded rate, behind what concerns a few. A feed that is told anything is first asked
// about all that was noted, so an answer never misses what happened before its revision.
//
// Locks: the index's, then ours. Nothing is called with ours.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "call_context.h"
#include "entry_index.h"
#include "entry_watcher.h"

namespace signet::server {

class AgentFeeds final : public EntryWatcher {
 public:
  AgentFeeds(const Host& host, const EntryIndex& entries, const ChangeFollower& changes)
      : host_(host), entries_(entries), changes_(changes) {}
  ~AgentFeeds() override { stop(); }

  void start();
  void stop();
  /// From now on calls are taken.
  void open();
  /// They are not, and those there are end: the agents go to another server.
  void close();

  /// Takes over a call of signet.delivery.v1.Delivery/Follow, by an agent.
  void follow(const std::shared_ptr<CallContext>& call, std::string_view first);
  void bundle_changed(std::string_view trust_domain);

  // How far an agent is that follows here.
  struct Progress {
    std::uint64_t revision = 0;          // all up to here it was told, and took over
    std::chrono::nanoseconds silent{0};  // for so long it has left an answer unacknowledged
    // What it has not taken over yet: nothing of the entry's; that it has changed; more than is
    // worth telling, the entry's maybe.
    enum class Lacks { kNothing, kThis, kMany } lacks = Lacks::kNothing;
  };
  /// Nothing: it does not follow here, or has taken over nothing in this call yet.
  std::optional<Progress> progress(std::string_view agent_path, std::string_view entry_id) const;

  // EntryWatcher
  bool watching() const override { return count_.load(std::memory_order_relaxed) != 0; }
  void entry_changed(std::string_view agent_path, std::string_view entry_id) override;
  void entries_changed(ManyConcerned concerned) override;

 private:
  enum Class { kFew, kMany };
  using Key = std::pair<std::int64_t, std::uint64_t>;  // when it is due, and a number
  using Names = std::set<std::string, std::less<>>;
  struct Feed;
  using FeedPtr = std::shared_ptr<Feed>;
  struct Changes {
    bool all = false;
    Names entries;
    Names bundles;
    bool none() const { return !all && entries.empty() && bundles.empty(); }
  };
  struct Feed {
    std::shared_ptr<CallContext> call;
    std::string agent_id;
    std::string agent_path;
    std::uint32_t fields = 0;
    bool answers_words = false;  // each still_here of this agent
    // Under mutex_.
    Changes changes{.all = true, .entries = {}, .bundles = {}};
    bool unacknowledged = false;
    std::int64_t sent_ns = 0;
    Changes sent{.all = false, .entries = {}, .bundles = {}};  // and not acknowledged yet
    std::uint64_t told = 0;                      // up to this revision, by what was sent last
    std::optional<std::uint64_t> taken;          // the same of what was acknowledged last
    std::optional<std::pair<Class, Key>> place;  // in a queue
    Key ends{0, 0};
    std::uint64_t looked_at = 0;                          // the last note
    std::optional<std::list<FeedPtr>::iterator> in_turn;  // while it is open
  };
  // What concerns many: either a bundle, and all, or entries.
  struct Note {
    std::uint64_t number = 0;
    std::string bundle;
    ManyConcerned concerned;
  };
  using NotePtr = std::shared_ptr<const Note>;
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view s) const { return std::hash<std::string_view>{}(s); }
  };

  // Under mutex_.
  void note(Note what);
  bool behind() const { return !in_turn_.empty() && in_turn_.front()->looked_at < noted_; }
  void look_at_notes(const std::vector<FeedPtr>& feeds, std::unique_lock<std::mutex>& lock);
  void look_on(std::unique_lock<std::mutex>& lock);
  void mark(const FeedPtr& feed, const Note& what);
  void mark_entry(const FeedPtr& feed, std::string_view entry_id, Class how_many);
  void enqueue(const FeedPtr& feed, Class how_many);
  void leave_queue(Feed& feed);
  FeedPtr next_due(Class how_many, std::int64_t now);
  std::vector<FeedPtr> over(std::int64_t now);
  std::int64_t next_ns() const;

  void run();
  void send(const FeedPtr& feed, std::int64_t now, std::unique_lock<std::mutex>& lock);
  void tell(Feed& feed, std::uint64_t revision, const Changes& changes) const;
  void heard(const FeedPtr& feed, std::string_view bytes);
  void forget(const FeedPtr& feed);

  const Host host_;
  const EntryIndex& entries_;
  const ChangeFollower& changes_;
  std::atomic<std::size_t> count_{0};
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::unordered_multimap<std::string, FeedPtr, Hash, std::equal_to<>> feeds_;  // by agent path
  std::map<Key, FeedPtr> queues_[2];
  std::map<Key, FeedPtr> ends_;
  std::deque<NotePtr> notes_;     // the latest, as far as some feed has not looked at them
  std::uint64_t noted_ = 0;       // the number of the last one
  std::list<FeedPtr> in_turn_;    // all feeds: who looked at fewer notes comes first
  std::int64_t many_due_ns_ = 0;  // of the last one in the queue of kMany
  std::uint64_t number_ = 0;
  std::mt19937_64 random_{std::random_device{}()};
  bool open_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace signet::server
