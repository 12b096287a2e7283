// store_bench: CPU time per entry of batched creation, as BatchCreateEntry does it.
//
//   datastore-sql-bench [ENTRIES=50000] [BATCH=500] [seq|random] [CONNECTION_STRING]
//
// On an SQLite file of its own, or on the empty PostgreSQL database that is named.
//
// Each item: mark, look for a similar entry, put. Prints one line per stretch of entries, so
// that a cost that rises with the store's size shows.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <string>

#include <sys/resource.h>

#include "postgres_store.h"
#include "sqlite_store.h"

using namespace signet;
using namespace signet::datastore_sql;

namespace {

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](timeval t) { return double(t.tv_sec) + double(t.tv_usec) * 1e-6; };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double wall_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::string uuid(std::mt19937_64& random) {
  char text[37];
  const auto a = random();
  const auto b = random();
  std::snprintf(text, sizeof text, "%08x-%04x-4%03x-%04x-%012llx", unsigned(a >> 32),
                unsigned(a >> 16 & 0xffff), unsigned(a & 0xfff), unsigned(b >> 48),
                static_cast<unsigned long long>(b & 0xffffffffffffu));
  return text;
}

Status create(Store& store, std::mt19937_64& random, std::uint64_t first, std::uint64_t n,
              bool sequential) {
  SIGNET_TRY(auto tx, store.begin(Mode::kWrite, std::chrono::seconds(10)));
  for (std::uint64_t i = first; i < first + n; ++i) {
    const std::uint64_t name = sequential ? i : random();
    const std::string spiffe_id = "spiffe://example.org/load/workload-" + std::to_string(name);
    const std::string parent_id = "spiffe://example.org/load/agent-" + std::to_string(i % 100);
    const std::string uid = "unix:uid:" + std::to_string(name);
    const IndexKey keys[] = {{"spiffe_id", spiffe_id},
                             {"parent_id", parent_id},
                             {"selector", uid},
                             {"selector", "unix:gid:1000"}};
    SIGNET_RETURN_IF_ERROR(tx->mark());
    Query similar;
    similar.kind = "entry";
    similar.where = keys;
    similar.limit = 1;
    bool found = false;
    SIGNET_RETURN_IF_ERROR(tx->query(similar, [&](const RecordView&) {
      found = true;
      return Status();
    }));
    if (found) return Status::internal("unexpected similar entry");
    const std::string id = uuid(random);
    const std::string body(260, 'b');
    NewRecord record;
    record.kind = "entry";
    record.id = id;
    record.if_revision = kRevisionAbsent;
    record.keys = keys;
    record.body = body;
    Stored stored;
    SIGNET_RETURN_IF_ERROR(tx->put({&record, 1}, {&stored, 1}));
  }
  const auto committed = tx->commit();
  return committed.status();
}

Result<std::unique_ptr<Store>> open(const std::string& folder, const char* where) {
  if (where) {
    PostgresStore::Options options;
    SIGNET_TRY(options.where, ConnectionString::parse(where, {}));
    SIGNET_TRY(auto store, PostgresStore::open(std::move(options)));
    return std::unique_ptr<Store>(std::move(store));
  }
  SqliteStore::Options options;
  options.path = folder + "/datastore.sqlite3";
  SIGNET_TRY(auto store, SqliteStore::open(std::move(options)));
  return std::unique_ptr<Store>(std::move(store));
}

// Everything read once, as a server does when it starts.
Status read_all(Store& store) {
  const double cpu = cpu_seconds();
  const double wall = wall_seconds();
  SIGNET_TRY(auto tx, store.begin(Mode::kRead, std::chrono::seconds(10)));
  Query all;
  all.kind = "entry";
  std::uint64_t n = 0;
  std::uint64_t bytes = 0;
  SIGNET_RETURN_IF_ERROR(tx->query(all, [&](const RecordView& record) {
    ++n;
    bytes += record.body.size();
    return Status();
  }));
  std::printf("read all %llu (%llu KiB)  cpu %6.2f us/entry  wall %6.2f us/entry\n",
              static_cast<unsigned long long>(n), static_cast<unsigned long long>(bytes / 1024),
              (cpu_seconds() - cpu) / double(n) * 1e6, (wall_seconds() - wall) / double(n) * 1e6);
  return {};
}

int run(const std::string& folder, std::uint64_t total, std::uint64_t batch, bool sequential,
        const char* where) {
  auto store = open(folder, where);
  if (!store) {
    std::fprintf(stderr, "%s\n", store.status().to_string().c_str());
    return 1;
  }
  std::mt19937_64 random(7);
  std::uint64_t done = 0;
  std::uint64_t report = 1000;
  std::uint64_t from = 0;
  double cpu = cpu_seconds();
  double wall = wall_seconds();
  while (done < total) {
    const Status status = create(**store, random, done, batch, sequential);
    if (!status.ok()) {
      std::fprintf(stderr, "%s\n", status.to_string().c_str());
      return 1;
    }
    done += batch;
    if (done < report && done < total) continue;
    const double n = double(done - from);
    std::printf("entries %8llu..%-8llu  cpu %6.2f us/entry  wall %6.2f us/entry\n",
                static_cast<unsigned long long>(from), static_cast<unsigned long long>(done),
                (cpu_seconds() - cpu) / n * 1e6, (wall_seconds() - wall) / n * 1e6);
    std::fflush(stdout);
    from = done;
    report = done < 10000 ? done + 3000 : done + std::max<std::uint64_t>(10000, total / 10);
    cpu = cpu_seconds();
    wall = wall_seconds();
  }
  const Status read = read_all(**store);
  if (!read.ok()) std::fprintf(stderr, "%s\n", read.to_string().c_str());
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  std::printf("max resident %ld KiB\n", usage.ru_maxrss);
  return read.ok() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const std::uint64_t total = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 50000;
  const std::uint64_t batch = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 500;
  const bool sequential = argc <= 3 || std::string(argv[3]) == "seq";
  std::string folder = (std::filesystem::temp_directory_path() / "store-bench-XXXXXX").string();
  if (!mkdtemp(folder.data())) return 1;
  const int code = run(folder, total, batch, sequential, argc > 4 ? argv[4] : nullptr);
  std::filesystem::remove_all(folder);
  return code;
}
