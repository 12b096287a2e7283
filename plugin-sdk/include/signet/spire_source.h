// SpireSource: the reader's side of "signet.spire_source/1", a SPIRE server's tables, read only.
//
//   SIGNET_TRY(auto source, SpireSource::acquire(host));
//   SIGNET_TRY(auto reader, source.open(plugin_data, false));
//   reader.read(SIGNET_SPIRE_ENTRIES, after, INT64_MAX, 500, [](const SpireRow& row) { ... });
//
// All of it blocks: from a worker only.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "signet/abi/spire_source.h"
#include "signet/host.h"
#include "signet/service.h"

namespace signet {

// One row; its cells end with the function that it is given to.
class SpireRow {
 public:
  explicit SpireRow(const signet_spire_row& row) : row_(row) {}
  int64_t id() const { return row_.id; }
  /// A cell that is not there is empty.
  std::string_view text(size_t i) const {
    return i < row_.cell_count ? view(row_.cells[i].bytes) : std::string_view();
  }
  int64_t number(size_t i) const { return i < row_.cell_count ? row_.cells[i].number : 0; }
  bool flag(size_t i) const { return number(i) != 0; }

 private:
  const signet_spire_row& row_;
};

struct SpireDatabase {
  std::string name;  // in words without secrets
  int64_t schema = 0;
  std::string content;  // differs when the tables do
};

// An open database. Ends before the SpireSource that it came from.
class SpireReader {
 public:
  using OnRow = std::function<void(const SpireRow& row)>;

  SpireReader(SpireReader&& o) noexcept
      : handle_(o.handle_),
        reader_(std::exchange(o.reader_, nullptr)),
        database_(std::move(o.database_)) {}
  SpireReader& operator=(SpireReader&&) = delete;
  ~SpireReader() {
    if (!reader_) return;
    (void)call([this](const signet_spire_source& api, auto*, auto*) {
      api.close(reader_);
      return SIGNET_OK;
    });
  }

  const SpireDatabase& database() const { return database_; }
  Status read(uint32_t table, int64_t after, int64_t upto, uint32_t limit, const OnRow& fn) const {
    return handle_->call(
        INT64_MAX,
        [&](uint32_t kind, const void* message, std::size_t) {
          if (kind == SIGNET_KIND_SPIRE_ROW)
            fn(SpireRow(*static_cast<const signet_spire_row*>(message)));
        },
        [&](const signet_spire_source& api, signet_instance*, signet_call* c) {
          return api.read(reader_, c, table, after, upto, limit);
        });
  }
  /// Errors   kFailedPrecondition: somebody else uses it, or has changed it since it was opened
  Status check_idle() const {
    return call([this](const signet_spire_source& api, auto*, auto* c) {
      return api.check_idle(reader_, c);
    });
  }

 private:
  friend class SpireSource;
  using Handle = ServiceHandle<signet_spire_source>;
  SpireReader(const Handle& handle, signet_spire_reader* reader, SpireDatabase database)
      : handle_(&handle), reader_(reader), database_(std::move(database)) {}

  template <typename Fn>
  Status call(Fn&& fn) const {
    return handle_->call(
        INT64_MAX, [](uint32_t, const void*, std::size_t) {}, std::forward<Fn>(fn));
  }

  const Handle* handle_;
  signet_spire_reader* reader_;
  SpireDatabase database_;
};

class SpireSource {
 public:
  static Result<SpireSource> acquire(const Host& host) {
    SIGNET_TRY(auto handle, ServiceHandle<signet_spire_source>::acquire(host, SIGNET_SPIRE_SOURCE));
    return SpireSource(std::move(handle));
  }
  /// settings   plugin_data of SPIRE's DataStore "sql", as JSON
  /// live       a SPIRE server may be running on it
  Result<SpireReader> open(std::string_view settings, bool live) const {
    SpireDatabase database;
    signet_spire_reader* reader = nullptr;
    SIGNET_RETURN_IF_ERROR(handle_.call(
        INT64_MAX,
        [&](uint32_t kind, const void* message, std::size_t) {
          if (kind != SIGNET_KIND_SPIRE_DATABASE) return;
          const auto& d = *static_cast<const signet_spire_database*>(message);
          database = {std::string(view(d.name)), d.schema, std::string(view(d.content))};
        },
        [&](const signet_spire_source& api, signet_instance* i, signet_call* c) {
          return api.open(i, c, bytes_to_abi(settings), live ? SIGNET_SPIRE_LIVE : 0, &reader);
        }));
    if (!reader) return Status::internal("the datastore plugin gave no reader");
    return SpireReader(handle_, reader, std::move(database));
  }

 private:
  explicit SpireSource(ServiceHandle<signet_spire_source> handle) : handle_(std::move(handle)) {}
  ServiceHandle<signet_spire_source> handle_;
};

}  // namespace signet
