// Datastore: the role's side of "signet.datastore/1", records in one ordered log.
//
//   SIGNET_TRY(auto store, Datastore::acquire(host));
//   SIGNET_TRY(auto tx, store.write());
//   SIGNET_RETURN_IF_ERROR(tx.put(record));
//   SIGNET_TRY(uint64_t revision, tx.commit());
//
// All of it blocks: from a worker only. A Transaction stays on the thread that began it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "signet/abi/datastore.h"
#include "signet/host.h"
#include "signet/service.h"

namespace signet {

struct Record {
  std::string kind;
  std::string id;
  uint64_t row = 0;
  uint64_t revision = 0;
  int64_t if_revision = SIGNET_REVISION_ANY;
  int64_t expires_at = 0;
  std::vector<std::pair<std::string, std::string>> keys;  // index keys; put only
  std::string body;
};

struct Change {
  std::string kind;
  std::string id;
  uint64_t revision = 0;
  bool deleted = false;
};

struct Query {
  std::string kind;
  std::vector<std::pair<std::string, std::string>> where;
  uint32_t selector_match = SIGNET_MATCH_SUPERSET;
  uint32_t federates_match = SIGNET_MATCH_SUPERSET;
  uint64_t after_row = 0;
  uint32_t limit = 0;
  int64_t expires_before = 0;
  bool headers_only = false;
};

class Transaction {
 public:
  Transaction(Transaction&& o) noexcept
      : services_(o.services_),
        table_(o.table_),
        sink_(std::move(o.sink_)),
        call_(std::exchange(o.call_, nullptr)),
        tx_(std::exchange(o.tx_, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction() { close(); }

  Result<Record> get(std::string_view kind, std::string_view id) {
    return one(table_->get(tx_, call_, to_abi(kind), to_abi(id)));
  }
  /// Deletes it and gives it: two callers never get the same record.
  Result<Record> take(std::string_view kind, std::string_view id) {
    return one(table_->take(tx_, call_, to_abi(kind), to_abi(id)));
  }
  Status erase(std::string_view kind, std::string_view id) {
    return check(table_->erase(tx_, call_, to_abi(kind), to_abi(id)));
  }
  /// Fills record.row.
  Status put(Record& record) {
    std::vector<signet_index_key> keys;
    keys.reserve(record.keys.size());
    for (const auto& [name, value] : record.keys)
      keys.push_back({to_abi(name), bytes_to_abi(value)});
    signet_record r = {sizeof(signet_record),
                       0,
                       to_abi(record.kind),
                       to_abi(record.id),
                       record.row,
                       0,
                       record.if_revision,
                       record.expires_at,
                       keys.data(),
                       keys.size(),
                       bytes_to_abi(record.body)};
    SIGNET_RETURN_IF_ERROR(check(table_->put(tx_, call_, &r, 1)));
    record.row = r.row;
    return {};
  }
  Result<std::vector<Record>> query(const Query& query) {
    sink_->records.clear();
    SIGNET_RETURN_IF_ERROR(
        run_query(query, query.headers_only ? SIGNET_WANT_HEADERS : SIGNET_WANT_RECORDS));
    return std::exchange(sink_->records, {});
  }
  /// Each record to fn as it is read; nothing is collected. The views die with fn.
  Status for_each(const Query& query, const std::function<void(const signet_record&)>& fn) {
    sink_->each = &fn;
    Status status =
        run_query(query, query.headers_only ? SIGNET_WANT_HEADERS : SIGNET_WANT_RECORDS);
    sink_->each = nullptr;
    return status;
  }
  Result<uint64_t> count(const Query& query) {
    SIGNET_RETURN_IF_ERROR(run_query(query, SIGNET_WANT_COUNT));
    return sink_->number;
  }
  /// The right to do `name` alone among all servers, until this transaction ends. Errors: kAborted
  /// when another server has it. An older plugin gives it to everybody.
  Status claim(std::string_view name) {
    if (!SIGNET_HAS(table_, signet_datastore, claim)) return {};
    return check(table_->claim(tx_, call_, to_abi(name)));
  }
  Status mark() { return check(table_->mark(tx_, call_)); }
  Status undo() { return check(table_->undo(tx_, call_)); }
  /// Durable when it returns. The revision of this commit.
  Result<uint64_t> commit() {
    uint64_t revision = 0;
    const signet_status code = table_->commit(std::exchange(tx_, nullptr), call_, &revision);
    Status status = check(code);
    close();
    if (!status.ok()) return status;
    return revision;
  }

 private:
  friend class Datastore;
  struct Sink {
    std::vector<Record> records;
    const std::function<void(const signet_record&)>* each = nullptr;
    uint64_t number = 0;
    // The words of the last failed function: they travel by fail() on the one call of this tx.
    std::string message;
  };
  Transaction() = default;

  static void emitted(void* arg, uint32_t kind, const void* msg, size_t) {
    auto& sink = *static_cast<Sink*>(arg);
    if (kind == SIGNET_KIND_RECORD) {
      const auto& r = *static_cast<const signet_record*>(msg);
      if (sink.each) {
        (*sink.each)(r);
        return;
      }
      sink.records.push_back({std::string(view(r.kind)),
                              std::string(view(r.id)),
                              r.row,
                              r.revision,
                              SIGNET_REVISION_ANY,
                              r.expires_at,
                              {},
                              std::string(view(r.body))});
    } else if (kind == SIGNET_KIND_COUNT) {
      sink.number = static_cast<const signet_revision*>(msg)->revision;
    } else if (kind == SIGNET_KIND_NOTE) {
      sink.message = view(static_cast<const signet_note*>(msg)->message);
    }
  }
  static void finished(void*, signet_status, signet_str) {}

  Status check(signet_status code) {
    if (code == SIGNET_OK) return {};
    Status status(static_cast<Code>(code), sink_->message.empty()
                                               ? std::string(code_name(static_cast<Code>(code)))
                                               : sink_->message);
    sink_->message.clear();
    return status;
  }
  Result<Record> one(signet_status code) {
    SIGNET_RETURN_IF_ERROR(check(code));
    if (sink_->records.empty()) return Status::internal("the datastore gave no record");
    Record record = std::move(sink_->records.back());
    sink_->records.clear();
    return record;
  }
  Status run_query(const Query& query, uint32_t want) {
    std::vector<signet_index_key> where;
    for (const auto& [name, value] : query.where)
      where.push_back({to_abi(name), bytes_to_abi(value)});
    const signet_query q = {sizeof(signet_query),  want,
                            to_abi(query.kind),    where.data(),
                            where.size(),          query.selector_match,
                            query.federates_match, query.after_row,
                            query.limit,           0,
                            query.expires_before};
    return check(table_->query(tx_, call_, &q));
  }
  void close() {
    if (tx_) table_->abort(std::exchange(tx_, nullptr));
    if (call_) services_->end(std::exchange(call_, nullptr), SIGNET_OK);
  }

  const signet_host_services* services_ = nullptr;
  const signet_datastore* table_ = nullptr;
  std::unique_ptr<Sink> sink_ = std::make_unique<Sink>();
  signet_call* call_ = nullptr;
  signet_tx* tx_ = nullptr;
};

class Datastore {
 public:
  static Result<Datastore> acquire(const Host& host, std::string_view name = {}) {
    SIGNET_TRY(auto handle, ServiceHandle<signet_datastore>::acquire(host, SIGNET_DATASTORE, name));
    return Datastore(host, std::move(handle));
  }
  /// deadline_ns: how long the beginning may wait.
  Result<Transaction> read(int64_t deadline_ns = INT64_MAX) const {
    return begin(SIGNET_TX_READ, deadline_ns);
  }
  /// May be as old as a replica is; commit() gives the revision that was read, from which
  /// changes() goes on. Never for a decision.
  Result<Transaction> read_stale() const {
    auto tx = begin(SIGNET_TX_READ_STALE, INT64_MAX);
    if (!tx && tx.status().code() == Code::kInvalidArgument) return read();  // an older plugin
    return tx;
  }
  Result<Transaction> write() const { return begin(SIGNET_TX_WRITE, INT64_MAX); }

  /// The revision of the latest commit, asked of the database now. Errors: kUnavailable, also when
  /// it does not answer until the deadline.
  Result<uint64_t> latest(int64_t deadline_ns) const {
    uint64_t revision = 0;
    bool offered = true;
    SIGNET_RETURN_IF_ERROR(handle_.call(
        deadline_ns, [](uint32_t, const void*, std::size_t) {},
        [&](const signet_datastore& api, signet_instance* i, signet_call* c) -> signet_status {
          offered = SIGNET_HAS(&api, signet_datastore, latest);
          return offered ? api.latest(i, c, &revision) : SIGNET_OK;
        }));
    if (offered) return revision;
    SIGNET_TRY(auto tx, read(deadline_ns));  // an older plugin
    return tx.commit();
  }

  /// The latest change per record with revision > since, ascending. FAILED_PRECONDITION: since
  /// lies before the log's start; reload everything.
  Result<std::vector<Change>> changes(uint64_t since, uint32_t limit = 1000) const {
    std::vector<Change> out;
    SIGNET_RETURN_IF_ERROR(handle_.call(
        INT64_MAX,
        [&](uint32_t kind, const void* msg, std::size_t) {
          if (kind != SIGNET_KIND_CHANGE) return;
          const auto& c = *static_cast<const signet_change*>(msg);
          out.push_back(
              {std::string(view(c.kind)), std::string(view(c.id)), c.revision, c.deleted != 0});
        },
        [&](const signet_datastore& api, signet_instance* i, signet_call* c) {
          return api.changes(i, c, since, limit);
        }));
    return out;
  }
  /// Tells of the latest revision whenever it moved past what was told before; coalesced.
  Status watch(ServiceStream& stream, uint64_t since, std::function<void(uint64_t)> on_revision,
               ServiceStream::OnDone on_done = {}) const {
    return stream.start(
        handle_,
        [on_revision = std::move(on_revision)](uint32_t kind, const void* msg, std::size_t) {
          if (kind == SIGNET_KIND_REVISION)
            on_revision(static_cast<const signet_revision*>(msg)->revision);
        },
        std::move(on_done),
        [since](const signet_datastore& api, signet_instance* i, signet_call* c) {
          return api.watch(i, c, since);
        });
  }

 private:
  Datastore(const Host& host, ServiceHandle<signet_datastore> handle)
      : host_(host), handle_(std::move(handle)) {}

  Result<Transaction> begin(uint32_t mode, int64_t deadline_ns) const {
    Transaction t;
    t.services_ = handle_.services();
    static constexpr signet_sink kSink = {sizeof(signet_sink), 0, &Transaction::emitted,
                                          &Transaction::finished};
    signet_instance* instance = nullptr;
    const void* table = nullptr;
    const signet_status begun = t.services_->begin(handle_.handle(), deadline_ns, &kSink,
                                                   t.sink_.get(), &t.call_, &instance, &table);
    if (begun != SIGNET_OK) return Status(static_cast<Code>(begun), "the datastore is stopping");
    t.table_ = static_cast<const signet_datastore*>(table);
    const signet_status code = t.table_->begin(instance, t.call_, mode, &t.tx_);
    if (code != SIGNET_OK) return t.check(code);
    return t;
  }

  Host host_;
  ServiceHandle<signet_datastore> handle_;
};

// The tables under a datastore that was not opened ("signet.datastore_schema/1").
class DatastoreSchema {
 public:
  struct State {
    std::string database;
    int64_t version = 0;  // 0: no tables yet
    int64_t oldest_program = 0;
    int64_t known = 0;
  };
  static Result<DatastoreSchema> acquire(const Host& host) {
    SIGNET_TRY(auto handle,
               ServiceHandle<signet_datastore_schema>::acquire(host, SIGNET_DATASTORE_SCHEMA));
    return DatastoreSchema(std::move(handle));
  }
  Result<State> check() const { return run(&signet_datastore_schema::check); }
  Result<State> migrate() const { return run(&signet_datastore_schema::migrate); }

 private:
  explicit DatastoreSchema(ServiceHandle<signet_datastore_schema> handle)
      : handle_(std::move(handle)) {}

  Result<State> run(signet_status (*signet_datastore_schema::*function)(signet_instance*,
                                                                        signet_call*)) const {
    State out;
    SIGNET_RETURN_IF_ERROR(handle_.call(
        INT64_MAX,
        [&](uint32_t kind, const void* msg, std::size_t) {
          if (kind != SIGNET_KIND_SCHEMA_STATE) return;
          const auto& s = *static_cast<const signet_schema_state*>(msg);
          out = {std::string(view(s.database)), s.version, s.oldest_program, s.known};
        },
        [&](const signet_datastore_schema& api, signet_instance* i, signet_call* c) {
          return (api.*function)(i, c);
        }));
    return out;
  }

  ServiceHandle<signet_datastore_schema> handle_;
};

}  // namespace signet
