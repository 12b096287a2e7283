// What signet/abi/workload_attestor.h promises, asked of a shared object about processes of the
// suite's own.
//
//   workloadattestor-conformance --plugin FILE.so --config JSON [--tells VALUE] [--hangs yes]
//
// --tells names a selector that must be among those of the suite's processes.
// --hangs says that what the plugin asks, such as a container engine, takes calls and never
// answers: then it need not tell anything, and must end in time all the same. To have processes in
// a container attested, start the suite in its cgroup: they inherit it.
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "signet/attestor.h"
#include "signet/testing/fake_host.h"

#include "child.h"
#include "suite_main.h"

namespace signet::conformance {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

PluginUnderTest& plugin() {
  static PluginUnderTest plugin{.type = "WorkloadAttestor"};
  return plugin;
}
// The suite's own options.
struct Options {
  std::string tells;
  std::string hangs;
};
Options& options() {
  static Options options;
  return options;
}
ScopeUnderTest& scope() { return scope_of_program(plugin()); }

// What a call gave, and how long it took.
struct Answer {
  Status status;
  std::vector<std::string> values;  // as they came
  milliseconds took{0};
  std::set<std::string> all() const { return {values.begin(), values.end()}; }
};

// One call, waited for; cancelled after `cancel_after` when it is PENDING then.
class AttestCall {
 public:
  Answer run(const ServiceHandle<signet_workload_attestor>& attestor,
             const signet_workload_peer& peer, std::int64_t deadline_ns,
             std::optional<milliseconds> cancel_after = {}) {
    const auto began = std::chrono::steady_clock::now();
    static constexpr signet_sink kSink = {sizeof(signet_sink), 0, &AttestCall::emitted,
                                          &AttestCall::finished};
    signet_call* call = nullptr;
    signet_instance* instance = nullptr;
    const void* table = nullptr;
    const signet_handle* const handle = attestor.handle();
    const signet_status begun = attestor.services()->begin(
        const_cast<signet_handle*>(handle), deadline_ns, &kSink, this, &call, &instance, &table);
    if (begun != SIGNET_OK) {
      answer_.status = Status(static_cast<Code>(begun), "the plugin is stopping");
      return std::move(answer_);
    }
    const auto& api = *static_cast<const signet_workload_attestor*>(table);
    const bool pending =
        attestor.services()->end(call, api.attest(instance, call, &peer)) == SIGNET_PENDING;
    std::unique_lock lock(mutex_);
    if (pending && cancel_after && !changed_.wait_for(lock, *cancel_after, [&] { return done_; })) {
      attestor.services()->cancel(call);  // finished() waits for the lock
    }
    changed_.wait(lock, [&] { return done_; });
    answer_.took =
        std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - began);
    return std::move(answer_);
  }

 private:
  static void emitted(void* arg, uint32_t kind, const void* msg, size_t size) {
    auto& self = *static_cast<AttestCall*>(arg);
    if (kind == SIGNET_KIND_ERROR_DETAIL) return;
    EXPECT_EQ(kind, SIGNET_KIND_SELECTORS) << "no other kind is known";
    if (kind != SIGNET_KIND_SELECTORS) return;
    const auto& selectors = *static_cast<const signet_selectors*>(msg);
    EXPECT_GE(size, sizeof selectors);
    EXPECT_GE(selectors.struct_size, sizeof selectors);
    const std::lock_guard lock(self.mutex_);
    for (std::size_t n = 0; n < selectors.count; ++n)
      self.answer_.values.emplace_back(view(selectors.values[n]));
  }
  static void finished(void* arg, signet_status code, signet_str message) {
    auto& self = *static_cast<AttestCall*>(arg);
    const std::lock_guard lock(self.mutex_);
    if (code != SIGNET_OK)
      self.answer_.status = Status(static_cast<Code>(code), std::string(view(message)));
    self.done_ = true;
    self.changed_.notify_all();
  }

  // Recursive: a plugin may complete the call within cancel().
  std::recursive_mutex mutex_;
  std::condition_variable_any changed_;
  bool done_ = false;
  Answer answer_;
};

class WorkloadAttestorSuite : public testing::Test {
 protected:
  static constexpr milliseconds kSlack{5000};         // of a machine that is busy
  static constexpr std::size_t kMostGroups = 65'536;  // credentials(7)

  void SetUp() override {
    ASSERT_TRUE(scope().status().ok()) << scope().status().to_string();
    auto attestor =
        ServiceHandle<signet_workload_attestor>::acquire(scope().host(), SIGNET_WORKLOAD_ATTESTOR);
    ASSERT_TRUE(attestor.ok()) << attestor.status().to_string();
    attestor_ = std::move(*attestor);
  }
  static std::int64_t in(milliseconds time) { return scope().host().deadline_in(time); }
  Answer attest(const signet_workload_peer& peer, milliseconds time = seconds(20)) const {
    return AttestCall().run(attestor_, peer, in(time));
  }
  // Time enough for an answer, or not long to wait for none.
  static milliseconds enough() { return must_tell() ? seconds(20) : milliseconds(300); }
  // Processes are told about, unless what the plugin asks hangs.
  static bool must_tell() { return options().hangs != "yes"; }
#define SKIP_WHEN_IT_HANGS() \
  if (!must_tell()) GTEST_SKIP() << "nothing is told while it hangs"

  ServiceHandle<signet_workload_attestor> attestor_;
};

TEST_F(WorkloadAttestorSuite, TellsOfAProcessThatLives) {
  SKIP_WHEN_IT_HANGS();
  const Child child;
  const Answer answer = attest(child.peer());
  ASSERT_TRUE(answer.status.ok()) << answer.status.to_string();
  EXPECT_EQ(answer.all().size(), answer.values.size()) << "each value comes once";
  for (const std::string& value : answer.values) {
    EXPECT_FALSE(value.empty());
    EXPECT_TRUE(is_utf8(value)) << testing::PrintToString(value);
    EXPECT_EQ(value.find('\0'), std::string::npos);
  }
  EXPECT_TRUE(options().tells.empty() || answer.all().contains(options().tells));
  const Answer again = attest(child.peer());
  EXPECT_EQ(again.all(), answer.all()) << "of the same process";
}

TEST_F(WorkloadAttestorSuite, EndsByItsDeadline) {
  const Child child;
  for (const milliseconds time : {milliseconds(0), milliseconds(1), milliseconds(300)}) {
    const Answer answer = attest(child.peer(), time);
    EXPECT_LT(answer.took, time + kSlack);
    EXPECT_TRUE(answer.status.ok() || !answer.status.message().empty()) << "an error has words";
  }
  EXPECT_LT(AttestCall().run(attestor_, child.peer(), 1).took, kSlack) << "long past";
  const Child of_many(1, kMostGroups);
  EXPECT_LT(attest(of_many.peer(), milliseconds(300)).took, milliseconds(300) + kSlack);
  EXPECT_TRUE(must_tell() || !attest(child.peer(), milliseconds(300)).status.ok());
}

TEST_F(WorkloadAttestorSuite, EndsSoonWhenItIsCancelled) {
  const Child child;
  const Answer answer = AttestCall().run(attestor_, child.peer(), in(seconds(1)), milliseconds(20));
  EXPECT_LT(answer.took, seconds(1) + kSlack) << "by its deadline, if it does not look";
  EXPECT_NE(answer.status.code(), Code::kUnimplemented);
}

TEST_F(WorkloadAttestorSuite, LivesThroughPeersThatAreNone) {
  signet_workload_peer peer{};
  peer.struct_size = sizeof peer;
  for (const std::int32_t pid : {0, -1, INT32_MIN, INT32_MAX}) {
    peer.pid = pid;
    peer.pidfd = -1;
    const Answer answer = attest(peer, seconds(3));
    EXPECT_LT(answer.took, seconds(3) + kSlack);
  }
}

// It is the agent that refuses such a caller; but the agent looks before and after only.
TEST_F(WorkloadAttestorSuite, EndsWhenTheProcessHasEnded) {
  Child child;
  child.end();
  const Answer answer = attest(child.peer(), seconds(3));
  EXPECT_LT(answer.took, seconds(3) + kSlack);
  EXPECT_TRUE(answer.status.ok() || !answer.status.message().empty()) << "an error has words";
}

// One has ended, and its number passed on: what is only the other's is not told of it.
TEST_F(WorkloadAttestorSuite, TellsNothingOfWhoeverGotTheNumber) {
  SKIP_WHEN_IT_HANGS();
  Child gone(1);
  const Child heir(2);
  const Answer of_gone = attest(gone.peer());
  const Answer of_heir = attest(heir.peer());
  ASSERT_TRUE(of_gone.status.ok()) << of_gone.status.to_string();
  ASSERT_TRUE(of_heir.status.ok()) << of_heir.status.to_string();
  // Else every process started within 10 ms has the same start time.
  if (gone.peer().start_time == heir.peer().start_time) {
    std::this_thread::sleep_for(milliseconds(20));
  }
  const Child later(2);
  gone.end();
  signet_workload_peer reused = gone.peer();
  reused.pid = later.peer().pid;
  for (const bool with_pidfd : {true, false}) {
    if (!with_pidfd) reused.pidfd = -1;
    const auto told = attest(reused).all();
    for (const std::string& value : told) {
      if (of_gone.all().contains(value)) continue;
      EXPECT_FALSE(of_heir.all().contains(value)) << value << (with_pidfd ? "" : " without pidfd");
    }
  }
}

TEST_F(WorkloadAttestorSuite, ManyAtOnceDoNotMixUp) {
  SKIP_WHEN_IT_HANGS();
  constexpr int kCallers = 8;
  const Child one(1), two(2);
  const auto of_one = attest(one.peer()).all(), of_two = attest(two.peer()).all();
  std::vector<std::thread> threads;
  for (int n = 0; n < kCallers; ++n) {
    threads.emplace_back([&, n] {
      for (int calls = 0; calls < 5; ++calls) {
        const bool first = (n + calls) % 2 == 0;
        const Answer answer = attest((first ? one : two).peer());
        EXPECT_TRUE(answer.status.ok()) << answer.status.to_string();
        EXPECT_EQ(answer.all(), first ? of_one : of_two);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

// ---- settings, by the life cycle and the schema

class WorkloadAttestorSettings : public WorkloadAttestorSuite {
 protected:
  void SetUp() override {
    WorkloadAttestorSuite::SetUp();
    if (HasFatalFailure()) return;
    const auto file = kernel::load_plugin(plugin().file, "");
    ASSERT_TRUE(file.ok()) << file.status().to_string();
    if ((*file)->descriptor->config_schema != nullptr)
      schema_ = nlohmann::json::parse((*file)->descriptor->config_schema);
  }
  static Status start_with(const nlohmann::json& config) {
    PluginUnderTest changed = plugin();
    changed.config = config.dump();
    // Never deleted, as scope_of_program()'s.
    static auto& kept = *new std::vector<ScopeUnderTest*>;
    ScopeUnderTest* const other = kept.emplace_back(new ScopeUnderTest(changed));
    Status status = other->status();
    other->stop();
    other->remove_folder();
    return status;
  }
  nlohmann::json schema_ = nlohmann::json::object();
};

TEST_F(WorkloadAttestorSettings, AKeyThatItDoesNotKnowIsNotPassedOver) {
  if (schema_.empty()) GTEST_SKIP() << "it has no settings";
  EXPECT_EQ(schema_.value("additionalProperties", true), false) << "a misspelt key must be seen";
  nlohmann::json config = nlohmann::json::parse(plugin().config);
  config["no_such_key"] = 1;
  const Status status = start_with(config);
  if (schema_.value("x-signet-unknown", "") == "warn") {
    EXPECT_TRUE(status.ok()) << status.to_string();
  } else {
    ASSERT_FALSE(status.ok());
    EXPECT_NE(status.to_string().find("no_such_key"), std::string::npos) << status.to_string();
  }
}

TEST_F(WorkloadAttestorSettings, AValueOfAnotherTypeIsRefusedByName) {
  if (!schema_.contains("properties")) GTEST_SKIP() << "it has no settings";
  for (const auto& [name, rule] : schema_["properties"].items()) {
    const std::string type = rule.value("type", "");
    nlohmann::json config = nlohmann::json::parse(plugin().config);
    config[name] = type == "object" ? nlohmann::json(7) : nlohmann::json{{"an", "object"}};
    const Status status = start_with(config);
    EXPECT_FALSE(status.ok()) << name;
    EXPECT_NE(status.to_string().find(name), std::string::npos) << status.to_string();
  }
}

TEST_F(WorkloadAttestorSettings, MayComeAgainWhileItAttests) {
  const auto instance = scope().instance(plugin().type);
  ASSERT_NE(instance, nullptr);
  const Child child;
  const Answer before = attest(child.peer(), enough());
  std::atomic<bool> over{false};
  std::vector<std::thread> threads;
  for (int n = 0; n < 4; ++n) {
    threads.emplace_back([&] {
      while (!over) {
        const Answer answer = attest(child.peer(), enough());
        EXPECT_EQ(answer.status.code(), before.status.code()) << answer.status.to_string();
        EXPECT_EQ(answer.all(), before.all());
      }
    });
  }
  for (int n = 0; n < 50; ++n) {
    std::vector<kernel::ConfigNote> notes;
    const Status again = instance->configure(instance->config(), notes);
    EXPECT_TRUE(again.ok()) << again.to_string();
  }
  over = true;
  for (std::thread& thread : threads) thread.join();
}

TEST_F(WorkloadAttestorSettings, WhatIsNoneChangesNothing) {
  if (schema_.empty()) GTEST_SKIP() << "it has no settings";
  const auto instance = scope().instance(plugin().type);
  ASSERT_NE(instance, nullptr);
  const Child child;
  const Answer before = attest(child.peer(), enough());
  for (const std::string_view text : {"", "{", "[]", "7"}) {
    fakes::FakeCall validated, configured;
    const signet_plugin& table = instance->plugin();
    EXPECT_NE(table.validate(instance->self(), validated.abi(), bytes_to_abi(text)), SIGNET_OK);
    EXPECT_NE(table.configure(instance->self(), configured.abi(), bytes_to_abi(text)), SIGNET_OK);
    EXPECT_FALSE(configured.message().empty()) << "an error has words";
  }
  const Answer after = attest(child.peer(), enough());
  EXPECT_EQ(after.status.code(), before.status.code()) << after.status.to_string();
  EXPECT_EQ(after.all(), before.all());
}

TEST_F(WorkloadAttestorSettings, ItsTableStaysTheSame) {
  const auto instance = scope().instance(plugin().type);
  ASSERT_NE(instance, nullptr);
  const signet_plugin& table = instance->plugin();
  const void* const first = table.get_service(instance->self(), SIGNET_WORKLOAD_ATTESTOR);
  EXPECT_NE(first, nullptr);
  EXPECT_EQ(table.get_service(instance->self(), SIGNET_WORKLOAD_ATTESTOR), first);
  EXPECT_EQ(table.get_service(instance->self(), "signet.no_such_service/1"), nullptr);
}

// The last one: it stops the plugin.
using WorkloadAttestorZz = WorkloadAttestorSuite;
TEST_F(WorkloadAttestorZz, StopsWhileItAttests) {
  const Child child;
  std::atomic<bool> over{false};
  std::atomic<int> calls{0};
  std::vector<std::thread> threads;
  for (int n = 0; n < 4; ++n) {
    threads.emplace_back([&] {
      while (!over) {
        const Answer answer = attest(child.peer(), milliseconds(500));
        ++calls;
        if (answer.status.code() == Code::kUnavailable &&
            answer.status.message() == "the plugin is stopping") {
          return;
        }
      }
    });
  }
  while (calls < 8) std::this_thread::yield();
  const auto began = std::chrono::steady_clock::now();
  scope().stop();
  EXPECT_LT(std::chrono::steady_clock::now() - began, seconds(10));
  over = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(attest(child.peer()).status.code(), Code::kUnavailable) << "nothing begins any more";
  attestor_ = {};
}

}  // namespace
}  // namespace signet::conformance

int main(int argc, char** argv) {
  return signet::conformance::run_suite(argc, argv, signet::conformance::plugin(), [] {},
                                        {{"--tells", &signet::conformance::options().tells},
                                         {"--hangs", &signet::conformance::options().hangs}});
}
