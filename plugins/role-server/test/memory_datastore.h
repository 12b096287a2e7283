// A datastore in memory with behaviour, for tests of the role's parts.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "signet/abi/datastore.h"
#include "signet/testing/fake_host.h"

namespace signet::server::testing {

// One writer at a time, as the tests have one thread. Index keys are kept; a query matches when
// the record has every pair that is asked for. Of the matches of selectors, subset and any are
// as the datastore's, the others are taken for superset.
class MemoryDatastore {
 public:
  struct Stored {
    std::string kind, id, body;
    std::uint64_t row = 0, revision = 0;
    std::int64_t expires_at = 0;
    std::set<std::pair<std::string, std::string>> keys;
  };
  using Key = std::pair<std::string, std::string>;

  static const signet_datastore* table() {
    static const signet_datastore kTable = {
        sizeof(signet_datastore), 0,
        [](signet_instance* i, signet_call*, std::uint32_t mode, signet_tx** out) -> signet_status {
          if (self(i)->away) return SIGNET_UNAVAILABLE;
          if (mode == SIGNET_TX_READ_STALE) ++self(i)->stale_reads;
          const auto& replica = self(i)->replica_;
          const bool stale = mode == SIGNET_TX_READ_STALE && replica;
          *out = reinterpret_cast<signet_tx*>(new Tx{*self(i),
                                                     stale ? replica->first : self(i)->records_,
                                                     {},
                                                     stale ? replica->second : self(i)->revision_});
          return SIGNET_OK;
        },
        [](signet_tx* t, signet_call* c, signet_str kind, signet_str id) -> signet_status {
          return emit(tx(t), c, {std::string(view(kind)), std::string(view(id))});
        },
        [](signet_tx* t, signet_call* c, signet_record* records, size_t n) -> signet_status {
          for (size_t i = 0; i < n; ++i) {
            if (const signet_status code = tx(t).put(records[i]); code != SIGNET_OK) {
              return c->ops->fail(c, code, to_abi(std::string_view("refused")));
            }
          }
          return SIGNET_OK;
        },
        [](signet_tx* t, signet_call* c, signet_str kind, signet_str id) -> signet_status {
          const Key key{std::string(view(kind)), std::string(view(id))};
          const signet_status code = emit(tx(t), c, key);
          return tx(t).erase(key) ? code : SIGNET_NOT_FOUND;
        },
        [](signet_tx* t, signet_call*, signet_str kind, signet_str id) -> signet_status {
          return tx(t).erase({std::string(view(kind)), std::string(view(id))}) ? SIGNET_OK
                                                                               : SIGNET_NOT_FOUND;
        },
        [](signet_tx* t, signet_call* c, const signet_query* q) -> signet_status {
          return tx(t).query(c, *q);
        },
        [](signet_tx*, signet_call*) -> signet_status { return SIGNET_OK; },
        [](signet_tx*, signet_call*) -> signet_status { return SIGNET_UNIMPLEMENTED; },
        [](signet_tx* t, signet_call*, std::uint64_t* revision) -> signet_status {
          const std::unique_ptr<Tx> owned(&tx(t));
          if (owned->store.fail_commits > 0) {
            --owned->store.fail_commits;
            return SIGNET_UNAVAILABLE;
          }
          if (!owned->changed.empty()) {
            owned->store.records_ = owned->records;
            owned->read_at = ++owned->store.revision_;
            for (const auto& [key, deleted] : owned->changed) {
              owned->store.log_[key] = {owned->store.revision_, deleted};
            }
          }
          *revision = owned->read_at;
          return SIGNET_OK;
        },
        [](signet_tx* t) { delete &tx(t); },
        [](signet_instance* i, signet_call* c, std::uint64_t since, std::uint32_t limit) {
          return self(i)->changes(c, since, limit);
        },
        // There is no thread to tell of anything later, so a watch ends with what it tells.
        [](signet_instance* i, signet_call* c, std::uint64_t since) -> signet_status {
          ++self(i)->watches;
          const signet_revision latest = {sizeof(signet_revision), 0, self(i)->revision_};
          if (latest.revision > since) {
            c->ops->emit(c, SIGNET_KIND_REVISION, &latest, sizeof(latest));
          }
          return SIGNET_UNAVAILABLE;
        },
        [](signet_instance* i, signet_call* c, std::uint64_t* revision) -> signet_status {
          *revision = self(i)->revision_;
          if (!self(i)->away) return SIGNET_OK;
          return c->ops->fail(c, SIGNET_UNAVAILABLE, to_abi(std::string_view("no answer")));
        },
        [](signet_tx* t, signet_call*, signet_str name) -> signet_status {
          return tx(t).store.claimed_elsewhere.count(std::string(view(name))) > 0 ? SIGNET_ABORTED
                                                                                  : SIGNET_OK;
        }};
    return &kTable;
  }
  signet_instance* instance() { return reinterpret_cast<signet_instance*>(this); }
  std::uint64_t revision() const { return revision_; }
  const Stored* find(const std::string& kind, const std::string& id) const {
    const auto at = records_.find({kind, id});
    return at == records_.end() ? nullptr : &at->second;
  }
  std::vector<const Stored*> all(const std::string& kind) const {
    std::vector<const Stored*> out;
    for (const auto& [key, stored] : records_) {
      if (key.first == kind) out.push_back(&stored);
    }
    return out;
  }
  int fail_commits = 0;                     // so many commits fail
  int fail_changes = 0;                     // so many reads of the log fail
  int watches = 0;                          // begun so far
  std::function<void()> on_emit;            // before each record of a query
  bool away = false;                        // nothing begins and nothing is told
  std::set<std::string> claimed_elsewhere;  // what another server is doing
  /// What was committed last is lost, as when a standby takes over; the log goes back with it.
  void lose(const std::function<void()>& commits) {
    const auto records = records_;
    const auto log = log_;
    const auto revision = revision_;
    commits();
    lost_ = {records, log, revision};
  }
  void fail_over() { std::tie(records_, log_, revision_) = lost_; }
  /// From now on what may be stale is as old as this moment.
  void keep_replica() { replica_.emplace(records_, revision_); }
  int stale_reads = 0;
  /// The log forgets what lies before; a reader from there is told to load everything.
  void forget_log() { log_start_ = revision_; }

 private:
  using Records = std::map<Key, Stored>;
  struct Tx {
    MemoryDatastore& store;
    Records records;
    std::vector<std::pair<Key, bool>> changed;  // whether it was deleted
    std::uint64_t read_at;

    signet_status put(signet_record& record) {
      const Key key{std::string(view(record.kind)), std::string(view(record.id))};
      const auto at = records.find(key);
      if (record.if_revision == SIGNET_REVISION_ABSENT && at != records.end()) {
        return SIGNET_ALREADY_EXISTS;
      }
      if (record.if_revision > 0 &&
          (at == records.end() ||
           at->second.revision != static_cast<std::uint64_t>(record.if_revision))) {
        return SIGNET_ABORTED;
      }
      Stored stored{key.first,         key.second, std::string(view(record.body)), 0, 0,
                    record.expires_at, {}};
      stored.row = at == records.end() ? ++store.row_ : at->second.row;
      stored.revision = store.revision_ + 1;
      for (size_t i = 0; i < record.key_count; ++i) {
        stored.keys.emplace(view(record.keys[i].name), view(record.keys[i].value));
      }
      record.row = stored.row;
      records[key] = std::move(stored);
      changed.emplace_back(key, false);
      return SIGNET_OK;
    }
    bool erase(const Key& key) {
      changed.emplace_back(key, true);
      return records.erase(key) == 1;
    }
    static bool by_selectors(const signet_query& q) {
      return q.selector_match == SIGNET_MATCH_SUBSET || q.selector_match == SIGNET_MATCH_ANY;
    }
    static bool meets(const Stored& stored, const std::set<Key>& selectors, std::uint32_t how) {
      std::size_t among = 0, all = 0;
      for (const Key& key : stored.keys) {
        all += key.first == "selector" ? 1 : 0;
        among += selectors.count(key);
      }
      return among > 0 && (how == SIGNET_MATCH_ANY || among == all);
    }
    signet_status query(signet_call* c, const signet_query& q) const {
      std::vector<const Stored*> found;
      for (const auto& [key, stored] : records) {
        bool match = key.first == view(q.kind) && stored.row > q.after_row &&
                     (q.expires_before == 0 ||
                      (stored.expires_at > 0 && stored.expires_at < q.expires_before));
        std::set<Key> selectors;
        for (size_t i = 0; i < q.where_count; ++i) {
          Key wanted{std::string(view(q.where[i].name)), std::string(view(q.where[i].value))};
          if (wanted.first == "selector" && by_selectors(q)) {
            selectors.insert(std::move(wanted));
          } else {
            match = match && stored.keys.count(wanted) > 0;
          }
        }
        if (match && (selectors.empty() || meets(stored, selectors, q.selector_match)))
          found.push_back(&stored);
      }
      std::sort(found.begin(), found.end(), [](auto* a, auto* b) { return a->row < b->row; });
      if (q.limit != 0 && found.size() > q.limit) found.resize(q.limit);
      if (q.want == SIGNET_WANT_COUNT) {
        const signet_revision count = {sizeof(signet_revision), 0, found.size()};
        return c->ops->emit(c, SIGNET_KIND_COUNT, &count, sizeof(count));
      }
      for (const Stored* stored : found) {
        if (store.on_emit) store.on_emit();
        emit_one(c, *stored);
      }
      return SIGNET_OK;
    }
  };
  signet_status changes(signet_call* c, std::uint64_t since, std::uint32_t limit) {
    if (fail_changes > 0) {
      --fail_changes;
      return SIGNET_UNAVAILABLE;
    }
    if (away) return SIGNET_UNAVAILABLE;
    if (since < log_start_ || since > revision_) return SIGNET_FAILED_PRECONDITION;
    std::map<std::pair<std::uint64_t, Key>, bool> found;
    for (const auto& [key, change] : log_) {
      if (change.first > since) found[{change.first, key}] = change.second;
    }
    for (const auto& [at, deleted] : found) {
      if (limit-- == 0) break;
      const auto& [kind, id] = at.second;
      const signet_change change = {sizeof(signet_change), deleted ? 1u : 0u, to_abi(kind),
                                    to_abi(id), at.first};
      c->ops->emit(c, SIGNET_KIND_CHANGE, &change, sizeof(change));
    }
    return SIGNET_OK;
  }
  static MemoryDatastore* self(signet_instance* i) { return reinterpret_cast<MemoryDatastore*>(i); }
  static Tx& tx(signet_tx* t) { return *reinterpret_cast<Tx*>(t); }
  static void emit_one(signet_call* c, const Stored& s) {
    const signet_record record = {sizeof(signet_record),
                                  0,
                                  to_abi(s.kind),
                                  to_abi(s.id),
                                  s.row,
                                  s.revision,
                                  -1,
                                  s.expires_at,
                                  nullptr,
                                  0,
                                  bytes_to_abi(s.body)};
    c->ops->emit(c, SIGNET_KIND_RECORD, &record, sizeof(record));
  }
  static signet_status emit(Tx& t, signet_call* c, const Key& key) {
    const auto at = t.records.find(key);
    if (at == t.records.end()) return SIGNET_NOT_FOUND;
    emit_one(c, at->second);
    return SIGNET_OK;
  }

  using Log =
      std::map<Key, std::pair<std::uint64_t, bool>>;  // the latest change: revision, deleted
  Records records_;
  Log log_;
  std::tuple<Records, Log, std::uint64_t> lost_;  // the state without what is to be lost
  std::optional<std::pair<Records, std::uint64_t>> replica_;
  std::uint64_t log_start_ = 0;
  std::uint64_t revision_ = 0;
  std::uint64_t row_ = 0;
};

}  // namespace signet::server::testing
