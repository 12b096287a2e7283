// The C table of "signet.datastore/1": checks what crosses the border, and no more.
#include <algorithm>
#include <exception>
#include <limits>
#include <vector>

#include "sql_datastore.h"

namespace signet::datastore_sql {
namespace {

// What hides behind signet_tx.
struct OpenTransaction {
  std::unique_ptr<Transaction> tx;
  // Kept from item to item: a batch puts one record at a time.
  std::vector<IndexKey> keys;
};

OpenTransaction& open_of(signet_tx* tx) { return *reinterpret_cast<OpenTransaction*>(tx); }

// A transaction's functions share one call, whose fail() words belong to its end; the note
// gives the words at once.
template <typename F>
signet_status answered(signet_call* abi_call, F&& fn) noexcept {
  const Call call(abi_call);
  try {
    const Status status = fn(call);
    if (!status.ok()) call.note({}, status.message(), true);
    return call.result(status);
  } catch (const std::exception& e) {
    return call.result(Status::internal(e.what()));
  } catch (...) {
    return call.result(Status::internal("unknown exception"));
  }
}

Status emitted(bool taken) {
  return taken ? Status() : Status::cancelled("the caller takes no more results");
}

signet_record abi_record(const RecordView& record) {
  signet_record out{};
  out.struct_size = sizeof out;
  out.kind = to_abi(record.kind);
  out.id = to_abi(record.id);
  out.row = record.row;
  out.revision = record.revision;
  out.if_revision = SIGNET_REVISION_ANY;
  out.expires_at = record.expires_at;
  out.body = bytes_to_abi(record.body);
  return out;
}

RecordSink record_sink(const Call& call) {
  return [&call](const RecordView& record) {
    return emitted(call.emit(SIGNET_KIND_RECORD, abi_record(record)));
  };
}

void append_keys(std::vector<IndexKey>& out, const signet_index_key* keys, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) out.push_back({view(keys[i].name), view(keys[i].value)});
}

std::chrono::nanoseconds time_left(const SqlDatastore& self, const Call& call) {
  if (call.deadline_ns() == INT64_MAX) return std::chrono::nanoseconds::max();
  return std::chrono::nanoseconds(
      std::max<std::int64_t>(call.deadline_ns() - self.host().monotonic_ns(), 0));
}

Result<Store*> running(const SqlDatastore& self) {
  if (!self.store()) return Status::unavailable("datastore is not running");
  return self.store();
}

signet_status begin(signet_instance* instance, signet_call* abi_call, uint32_t mode,
                    signet_tx** out) {
  return answered(abi_call, [&](const Call& call) -> Status {
    *out = nullptr;
    const auto& self = plugin_cast<SqlDatastore>(instance);
    if (mode > SIGNET_TX_READ_STALE) {
      return Status::invalid_argument("unknown transaction mode");
    }
    SIGNET_TRY(Store * store, running(self));
    auto opened = std::make_unique<OpenTransaction>();
    static constexpr Mode kModes[] = {Mode::kRead, Mode::kWrite, Mode::kReadStale};
    SIGNET_TRY(opened->tx, store->begin(kModes[mode], time_left(self, call)));
    *out = reinterpret_cast<signet_tx*>(opened.release());
    return {};
  });
}

signet_status get(signet_tx* tx, signet_call* abi_call, signet_str kind, signet_str id) {
  return answered(abi_call, [&](const Call& call) {
    return open_of(tx).tx->get(view(kind), view(id), record_sink(call));
  });
}

signet_status take(signet_tx* tx, signet_call* abi_call, signet_str kind, signet_str id) {
  return answered(abi_call, [&](const Call& call) {
    return open_of(tx).tx->take(view(kind), view(id), record_sink(call));
  });
}

signet_status erase(signet_tx* tx, signet_call* abi_call, signet_str kind, signet_str id) {
  return answered(abi_call,
                  [&](const Call&) { return open_of(tx).tx->erase(view(kind), view(id)); });
}

// The n records lie struct_size bytes apart, so that a longer struct of a newer caller works.
signet_record& record_at(signet_record* first, std::size_t i) {
  return *reinterpret_cast<signet_record*>(reinterpret_cast<char*>(first) + i * first->struct_size);
}

signet_status put(signet_tx* tx, signet_call* abi_call, signet_record* records, size_t n) {
  return answered(abi_call, [&](const Call&) -> Status {
    if (n == 0) return {};
    if (records->struct_size < sizeof(signet_record)) {
      return Status::invalid_argument("record struct is too short");
    }
    OpenTransaction& open = open_of(tx);
    std::size_t key_count = 0;
    for (std::size_t i = 0; i < n; ++i) key_count += record_at(records, i).key_count;
    open.keys.clear();
    open.keys.reserve(key_count);  // so that the spans below stay valid
    std::vector<NewRecord> batch(n);
    std::vector<Stored> stored(n);
    for (std::size_t i = 0; i < n; ++i) {
      const signet_record& record = record_at(records, i);
      const std::size_t first = open.keys.size();
      append_keys(open.keys, record.keys, record.key_count);
      batch[i] = {view(record.kind),
                  view(record.id),
                  record.if_revision,
                  record.expires_at,
                  std::span(open.keys).subspan(first),
                  view(record.body)};
    }
    SIGNET_RETURN_IF_ERROR(open.tx->put(batch, stored));
    for (std::size_t i = 0; i < n; ++i) {
      record_at(records, i).row = stored[i].row;
      record_at(records, i).revision = stored[i].revision;
    }
    return {};
  });
}

signet_status query(signet_tx* tx, signet_call* abi_call, const signet_query* wanted) {
  return answered(abi_call, [&](const Call& call) -> Status {
    if (wanted->struct_size < sizeof(signet_query)) {
      return Status::invalid_argument("query struct is too short");
    }
    if (wanted->selector_match > SIGNET_MATCH_ANY || wanted->federates_match > SIGNET_MATCH_ANY) {
      return Status::invalid_argument("unknown set match");
    }
    OpenTransaction& open = open_of(tx);
    open.keys.clear();
    append_keys(open.keys, wanted->where, wanted->where_count);
    const Query asked = {view(wanted->kind),
                         open.keys,
                         static_cast<SetMatch>(wanted->selector_match),
                         static_cast<SetMatch>(wanted->federates_match),
                         wanted->after_row,
                         wanted->limit,
                         wanted->expires_before,
                         wanted->want == SIGNET_WANT_RECORDS};
    switch (wanted->want) {
      case SIGNET_WANT_COUNT: {
        SIGNET_TRY(std::uint64_t n, open.tx->count(asked));
        return emitted(
            call.emit(SIGNET_KIND_COUNT, signet_revision{sizeof(signet_revision), 0, n}));
      }
      case SIGNET_WANT_RECORDS:
      case SIGNET_WANT_HEADERS:
        return open.tx->query(asked, record_sink(call));
      default:
        return Status::invalid_argument("unknown want of a query");
    }
  });
}

signet_status mark(signet_tx* tx, signet_call* abi_call) {
  return answered(abi_call, [&](const Call&) { return open_of(tx).tx->mark(); });
}

signet_status undo(signet_tx* tx, signet_call* abi_call) {
  return answered(abi_call, [&](const Call&) { return open_of(tx).tx->undo(); });
}

signet_status commit(signet_tx* tx, signet_call* abi_call, uint64_t* revision) {
  return answered(abi_call, [&](const Call&) -> Status {
    const std::unique_ptr<OpenTransaction> open(&open_of(tx));
    SIGNET_TRY(*revision, open->tx->commit());
    return {};
  });
}

void abort(signet_tx* tx) { delete &open_of(tx); }

signet_status changes(signet_instance* instance, signet_call* abi_call, uint64_t since,
                      uint32_t limit) {
  return answered(abi_call, [&](const Call& call) -> Status {
    const auto& self = plugin_cast<SqlDatastore>(instance);
    SIGNET_TRY(Store * store, running(self));
    return store->changes(since, limit, time_left(self, call), [&](const ChangeView& change) {
      const signet_change message = {sizeof(signet_change), change.deleted ? 1u : 0u,
                                     to_abi(change.kind), to_abi(change.id), change.revision};
      return emitted(call.emit(SIGNET_KIND_CHANGE, message));
    });
  });
}

signet_status watch(signet_instance* instance, signet_call* abi_call, uint64_t since) {
  return plugin_cast<SqlDatastore>(instance).hub().watch(abi_call, since);
}

signet_status latest(signet_instance* instance, signet_call* abi_call, uint64_t* revision) {
  return answered(abi_call, [&](const Call& call) -> Status {
    const auto& self = plugin_cast<SqlDatastore>(instance);
    SIGNET_TRY(Store * store, running(self));
    SIGNET_TRY(*revision, store->ask_latest(time_left(self, call)));
    return {};
  });
}

signet_status claim(signet_tx* tx, signet_call* abi_call, signet_str name) {
  return answered(abi_call, [&](const Call&) { return open_of(tx).tx->claim(view(name)); });
}

signet_status schema(signet_instance* instance, signet_call* abi_call, bool migrate) {
  return answered(abi_call, [&](const Call& call) -> Status {
    SIGNET_TRY(const SchemaReport report, plugin_cast<SqlDatastore>(instance).schema(migrate));
    const signet_schema_state message = {sizeof(signet_schema_state), 0,
                                         to_abi(report.database),     report.state.version,
                                         report.state.oldest_program, report.known};
    return emitted(call.emit(SIGNET_KIND_SCHEMA_STATE, message));
  });
}

}  // namespace

const signet_datastore_schema* schema_table() {
  static const signet_datastore_schema kTable = {
      sizeof(signet_datastore_schema), 0,
      [](signet_instance* instance, signet_call* call) { return schema(instance, call, false); },
      [](signet_instance* instance, signet_call* call) { return schema(instance, call, true); }};
  return &kTable;
}

const signet_datastore* datastore_table() {
  static const signet_datastore kTable = {sizeof(signet_datastore),
                                          0,
                                          begin,
                                          get,
                                          put,
                                          take,
                                          erase,
                                          query,
                                          mark,
                                          undo,
                                          commit,
                                          abort,
                                          changes,
                                          watch,
                                          latest,
                                          claim};
  return &kTable;
}

}  // namespace signet::datastore_sql
