// The service through its C table, as a role sees it.
#include <condition_variable>
#include <mutex>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "signet/datastore.h"
#include "signet/testing/fake_host.h"

#include "backend.h"
#include "sql_datastore.h"

namespace signet::datastore_sql {
namespace {

using SdkQuery = ::signet::Query;
using SdkRecord = ::signet::Record;

// A call that is cancelled and completed from other threads.
class OpenCall {
 public:
  OpenCall() {
    static constexpr signet_call_ops kOps = {
        sizeof(signet_call_ops),
        0,
        [](const signet_call* c) -> std::uint32_t { return self(c).cancelled_; },
        [](signet_call* c, void (*fn)(void*), void* arg) -> signet_status {
          OpenCall& call = self(c);
          std::unique_lock lock(call.mutex_);
          if (call.cancelled_) {
            lock.unlock();
            fn(arg);
            return SIGNET_OK;
          }
          call.on_cancel_ = fn;
          call.arg_ = arg;
          return SIGNET_OK;
        },
        [](signet_call* c, std::uint32_t kind, const void* message, std::size_t) -> signet_status {
          OpenCall& call = self(c);
          const std::lock_guard lock(call.mutex_);
          if (call.refusals_ > 0) {
            --call.refusals_;
            return SIGNET_RESOURCE_EXHAUSTED;
          }
          EXPECT_EQ(kind, SIGNET_KIND_REVISION);
          EXPECT_LT(call.latest_, static_cast<const signet_revision*>(message)->revision);
          call.latest_ = static_cast<const signet_revision*>(message)->revision;
          call.changed_.notify_all();
          return SIGNET_OK;
        },
        [](signet_call*, signet_status code, signet_str) -> signet_status { return code; },
        [](signet_call* c, signet_status code) {
          OpenCall& call = self(c);
          const std::lock_guard lock(call.mutex_);
          EXPECT_FALSE(call.done_);
          call.done_ = true;
          call.code_ = code;
          call.changed_.notify_all();
        },
    };
    call_.struct_size = sizeof call_;
    call_.ops = &kOps;
    call_.deadline_ns = INT64_MAX;
    call_.impl = this;
  }

  signet_call* abi() { return &call_; }
  void refuse(int emits) { refusals_ = emits; }
  void cancel() {
    void (*fn)(void*) = nullptr;
    {
      const std::lock_guard lock(mutex_);
      cancelled_ = true;
      fn = std::exchange(on_cancel_, nullptr);
    }
    if (fn) fn(arg_);
  }
  void wait_for_revision(std::uint64_t revision) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(
        changed_.wait_for(lock, std::chrono::seconds(20), [&] { return latest_ >= revision; }));
  }
  signet_status wait_for_end() {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, std::chrono::seconds(20), [&] { return done_; }));
    return code_;
  }

 private:
  static OpenCall& self(const signet_call* call) { return *static_cast<OpenCall*>(call->impl); }

  signet_call call_{};
  std::mutex mutex_;
  std::condition_variable changed_;
  void (*on_cancel_)(void*) = nullptr;
  void* arg_ = nullptr;
  std::uint64_t latest_ = 0;
  int refusals_ = 0;
  bool cancelled_ = false;
  bool done_ = false;
  signet_status code_ = SIGNET_PENDING;
};

class ServiceTest : public testing::Test {
 protected:
  void SetUp() override {
    host_.offer(SIGNET_DATASTORE, to_abi(&plugin_), SqlDatastore::service(SIGNET_DATASTORE));
    const std::string config = backend_->plugin_data();
    Call call(call_.abi());
    ASSERT_TRUE(plugin_.validate(call, config).ok());
    ASSERT_TRUE(plugin_.configure(call, config).ok());
    ASSERT_TRUE(plugin_.start(call).ok());
    store_.emplace(std::move(*Datastore::acquire(Host(host_.abi()))));
  }
  void TearDown() override {
    Call call(call_.abi());
    EXPECT_TRUE(plugin_.drain(call).ok());
    EXPECT_TRUE(plugin_.stop(call).ok());
  }

  SdkRecord entry(const std::string& id) {
    SdkRecord record;
    record.kind = "entry";
    record.id = id;
    record.if_revision = SIGNET_REVISION_ABSENT;
    record.expires_at = 77;
    record.keys = {{"spiffe_id", "s"}, {"parent_id", "p"}, {"selector", "a:" + id}};
    record.body = "body of " + id;
    return record;
  }
  std::uint64_t put(const std::string& id) {
    auto tx = store_->write();
    SdkRecord record = entry(id);
    EXPECT_TRUE(tx->put(record).ok());
    return *tx->commit();
  }
  const signet_datastore& table() { return *datastore_table(); }
  signet_status watch(OpenCall& call, std::uint64_t since) {
    return table().watch(to_abi(&plugin_), call.abi(), since);
  }

  const std::unique_ptr<Backend> backend_ = new_backend();
  fakes::FakeHost host_;
  fakes::FakeCall call_;
  SqlDatastore plugin_{Host(host_.abi()), "sql"};
  std::optional<Datastore> store_;
};

TEST_F(ServiceTest, CarriesRecordsBothWays) {
  auto tx = store_->write();
  ASSERT_TRUE(tx);
  SdkRecord record = entry("e1");
  ASSERT_TRUE(tx->put(record).ok());
  EXPECT_EQ(record.row, 1u);
  EXPECT_EQ(*tx->commit(), 1u);
  auto reader = store_->read();
  const auto found = reader->get("entry", "e1");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->body, "body of e1");
  EXPECT_EQ(found->expires_at, 77);
  EXPECT_EQ(found->revision, 1u);
  SdkQuery query;
  query.kind = "entry";
  query.where = {{"parent_id", "p"}};
  EXPECT_EQ(reader->query(query)->size(), 1u);
  query.headers_only = true;
  EXPECT_EQ(reader->query(query)->at(0).body, "");
  EXPECT_EQ(*reader->count(query), 1u);
}

TEST_F(ServiceTest, ErrorsKeepTheirCodeAndWords) {
  put("e1");
  auto tx = store_->write();
  SdkRecord again = entry("e1");
  const Status status = tx->put(again);
  EXPECT_EQ(status.code(), Code::kAlreadyExists);
  EXPECT_EQ(status.message(), "entry already exists");
  EXPECT_EQ(tx->get("entry", "none").status().code(), Code::kNotFound);
  EXPECT_EQ(tx->take("entry", "e1")->body, "body of e1");
  EXPECT_EQ(tx->erase("entry", "e1").code(), Code::kNotFound);
  EXPECT_EQ(*tx->commit(), 2u);
}

TEST_F(ServiceTest, MarksWorkThroughTheTable) {
  auto tx = store_->write();
  SdkRecord kept = entry("kept");
  SdkRecord undone = entry("undone");
  ASSERT_TRUE(tx->mark().ok());
  ASSERT_TRUE(tx->put(kept).ok());
  ASSERT_TRUE(tx->mark().ok());
  ASSERT_TRUE(tx->put(undone).ok());
  ASSERT_TRUE(tx->undo().ok());
  ASSERT_TRUE(tx->commit());
  const auto changes = store_->changes(0);
  ASSERT_EQ(changes->size(), 1u);
  EXPECT_EQ(changes->at(0).id, "kept");
}

TEST_F(ServiceTest, ALongerStructOfANewerCallerIsUnderstood) {
  struct Longer {
    signet_record record;
    std::uint64_t news[3];
  };
  Longer batch[2]{};
  const char* names[] = {"a", "b"};
  for (int i = 0; i < 2; ++i) {
    batch[i].record.struct_size = sizeof(Longer);
    batch[i].record.kind = to_abi(std::string_view("meta"));
    batch[i].record.id = to_abi(std::string_view(names[i]));
    batch[i].news[0] = ~0ull;
  }
  signet_tx* tx = nullptr;
  ASSERT_EQ(table().begin(to_abi(&plugin_), call_.abi(), SIGNET_TX_WRITE, &tx), SIGNET_OK);
  EXPECT_EQ(table().put(tx, call_.abi(), &batch[0].record, 2), SIGNET_OK) << call_.message();
  EXPECT_EQ(batch[1].record.row, 2u);
  batch[0].record.struct_size = 8;
  EXPECT_EQ(table().put(tx, call_.abi(), &batch[0].record, 1), SIGNET_INVALID_ARGUMENT);
  signet_query query{};
  query.struct_size = sizeof query;
  query.kind = to_abi(std::string_view("meta"));
  query.selector_match = 4;
  EXPECT_EQ(table().query(tx, call_.abi(), &query), SIGNET_INVALID_ARGUMENT);
  table().abort(tx);
  EXPECT_EQ(store_->changes(0)->size(), 0u);
}

TEST_F(ServiceTest, WatchersHearOfCommitsUntilCancelled) {
  OpenCall early;
  OpenCall late;
  OpenCall slow;
  slow.refuse(2);
  ASSERT_EQ(watch(early, 0), SIGNET_PENDING);
  ASSERT_EQ(watch(slow, 0), SIGNET_PENDING);
  const auto first = put("a");
  early.wait_for_revision(first);
  ASSERT_EQ(watch(late, 0), SIGNET_PENDING);
  late.wait_for_revision(first);
  std::uint64_t last = 0;
  for (int i = 0; i < 20; ++i) last = put("b" + std::to_string(i));
  early.wait_for_revision(last);
  late.wait_for_revision(last);
  slow.wait_for_revision(last);
  early.cancel();
  EXPECT_EQ(early.wait_for_end(), SIGNET_CANCELLED);
  OpenCall dead;
  dead.cancel();
  ASSERT_EQ(watch(dead, 0), SIGNET_PENDING);
  EXPECT_EQ(dead.wait_for_end(), SIGNET_CANCELLED);
  Call call(call_.abi());
  ASSERT_TRUE(plugin_.drain(call).ok());
  EXPECT_EQ(late.wait_for_end(), SIGNET_UNAVAILABLE);
  EXPECT_EQ(slow.wait_for_end(), SIGNET_UNAVAILABLE);
  late.cancel();
  OpenCall refused;
  EXPECT_EQ(watch(refused, 0), SIGNET_UNAVAILABLE);
}

TEST_F(ServiceTest, AChangedSettingNeedsARestart) {
  Call call(call_.abi());
  EXPECT_TRUE(plugin_.configure(call, backend_->plugin_data()).ok());
  EXPECT_EQ(
      plugin_.configure(call, R"({"database_type":"sqlite3","connection_string":"x"})").code(),
      Code::kFailedPrecondition);
}

TEST_F(ServiceTest, TellsTheLatestRevisionWhenAsked) {
  const auto asked = [&] { return store_->latest(INT64_MAX); };
  EXPECT_EQ(*asked(), 0u);
  const auto revision = put("e1");
  EXPECT_EQ(*asked(), revision);
}

TEST_F(ServiceTest, AClaimIsGivenToTheOnlyServer) {
  {
    auto tx = store_->read();
    EXPECT_TRUE(tx->claim("prune").ok());
    EXPECT_TRUE(tx->claim("other").ok());
    put("e1");  // whoever has a claim may write beside it
    EXPECT_EQ(tx->claim("").code(), Code::kInvalidArgument);
    EXPECT_EQ(tx->claim(std::string(65, 'x')).code(), Code::kInvalidArgument);
  }
  auto writer = store_->write();
  EXPECT_TRUE(writer->claim("prune").ok());
}

// As it was before latest() and claim() existed.
TEST_F(ServiceTest, AnOlderPluginIsAskedByATransactionAndClaimsAreFree) {
  signet_datastore older = table();
  older.struct_size = offsetof(signet_datastore, latest);
  older.latest = nullptr;
  older.claim = nullptr;
  fakes::FakeHost host;
  host.offer(SIGNET_DATASTORE, to_abi(&plugin_), &older);
  const auto store = Datastore::acquire(Host(host.abi()));
  const auto revision = put("e1");
  EXPECT_EQ(*store->latest(INT64_MAX), revision);
  EXPECT_TRUE(store->read()->claim("prune").ok());
}

TEST_F(ServiceTest, StaleReadsAreReads) {
  put("e1");
  auto tx = store_->read_stale();
  ASSERT_TRUE(tx);
  EXPECT_EQ(tx->get("entry", "e1")->body, "body of e1");
  EXPECT_EQ(*tx->commit(), 1u);
  signet_tx* none = nullptr;
  EXPECT_EQ(table().begin(to_abi(&plugin_), call_.abi(), 3, &none), SIGNET_INVALID_ARGUMENT);
}

TEST(Service, LooksAtTheSchemaWithoutOpeningTheDatabase) {
  const auto backend = new_backend();
  fakes::FakeHost host;
  host.set_shared_settings(R"({"datastore_task":"check"})");
  fakes::FakeCall abi_call;
  SqlDatastore plugin(Host(host.abi()), "sql");
  host.offer(SIGNET_DATASTORE_SCHEMA, to_abi(&plugin),
             SqlDatastore::service(SIGNET_DATASTORE_SCHEMA));
  Call call(abi_call.abi());
  ASSERT_TRUE(plugin.configure(call, backend->plugin_data()).ok());
  ASSERT_TRUE(plugin.start(call).ok());
  EXPECT_EQ(plugin.store(), nullptr);
  const auto schema = DatastoreSchema::acquire(Host(host.abi()));
  ASSERT_TRUE(schema);
  const auto known = static_cast<std::int64_t>(migrations().size());
  const auto empty = schema->check();
  ASSERT_TRUE(empty) << empty.status().to_string();
  EXPECT_EQ(empty->version, 0);
  EXPECT_EQ(empty->known, known);
  EXPECT_EQ(schema->check()->version, 0) << "it only looks";
  const auto filled = schema->migrate();
  ASSERT_TRUE(filled) << filled.status().to_string();
  EXPECT_EQ(filled->version, known);
  EXPECT_EQ(schema->check()->version, known);
  EXPECT_NE(filled->database, "");
  ASSERT_TRUE(plugin.stop(call).ok());
}

TEST(Service, AnswersUnavailableBeforeItRuns) {
  const fakes::FakeHost host;
  fakes::FakeCall call;
  SqlDatastore plugin(Host(host.abi()), "sql");
  signet_tx* tx = nullptr;
  EXPECT_EQ(datastore_table()->begin(to_abi(&plugin), call.abi(), SIGNET_TX_READ, &tx),
            SIGNET_UNAVAILABLE);
  EXPECT_EQ(tx, nullptr);
  EXPECT_EQ(SqlDatastore::service("signet.other/1"), nullptr);
}

}  // namespace
}  // namespace signet::datastore_sql
