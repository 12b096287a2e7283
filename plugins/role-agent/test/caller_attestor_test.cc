// Who waits for whom when callers are attested, and what is remembered of them for how long.
#include "caller_attestor.h"

#include <atomic>
#include <functional>
#include <optional>
#include <thread>

#include <gtest/gtest.h>

#include "signet/testing/fake_host.h"
#include "signet/testing/test_cgroup.h"

#include "child.h"
#include "test_host.h"

namespace signet::agent::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Values = std::vector<std::string>;

// An attestor that does what the test says, on the worker that asks it.
struct Scripted {
  std::function<std::optional<Values>()> answer = [] { return Values{"x"}; };
  std::atomic<int> asked{0};

  signet_instance* instance() { return reinterpret_cast<signet_instance*>(this); }
  static const signet_workload_attestor* table() {
    static constexpr signet_workload_attestor kTable = {
        sizeof(signet_workload_attestor), 0,
        [](signet_instance* i, signet_call* c, const signet_workload_peer*) -> signet_status {
          auto& self = *reinterpret_cast<Scripted*>(i);
          ++self.asked;
          const std::optional<Values> values = self.answer();
          if (!values) return c->ops->fail(c, SIGNET_INTERNAL, to_abi(std::string_view("broken")));
          std::vector<signet_str> spans;
          for (const std::string& value : *values) spans.push_back(to_abi(std::string_view(value)));
          const signet_selectors out = {sizeof(signet_selectors), 0, spans.data(), spans.size()};
          c->ops->emit(c, SIGNET_KIND_SELECTORS, &out, sizeof out);
          return SIGNET_OK;
        }};
    return &kTable;
  }
};

// What a caller was told.
struct Told {
  bool over = false;
  std::int64_t at_ns = 0;
  Status status;
  SelectorsPtr selectors;

  std::set<std::string> types() const {
    std::set<std::string> out;
    if (selectors) {
      for (const auto& selector : *selectors) out.insert(selector.type);
    }
    return out;
  }
};
using Types = std::set<std::string>;

class CallerAttestorTest : public ::testing::Test {
 protected:
  void start(bool two = true) {
    if (two) host.offer(SIGNET_WORKLOAD_ATTESTOR, "docker", docker.instance(), Scripted::table());
    ASSERT_TRUE(attestor->start().ok());
  }
  std::shared_ptr<const CallerProcess> caller() { return *CallerProcess::pin(child.peer()); }
  std::shared_ptr<Told> ask(std::chrono::nanoseconds time = seconds(60)) {
    auto told = std::make_shared<Told>();
    attestor->attest(caller(), host.host().deadline_in(time), [this, told](const auto& found) {
      EXPECT_FALSE(told->over) << "once";
      told->over = true;
      told->at_ns = host.host().monotonic_ns();
      told->status = found.status();
      if (found) told->selectors = *found;
    });
    return told;
  }

  TestHost host;  // with an attestor "unix"
  Scripted docker;
  Child child;
  std::unique_ptr<CallerAttestor> attestor = std::make_unique<CallerAttestor>(host.host());
};

TEST_F(CallerAttestorTest, OneThatHangsIsWaitedForShortlyAndTheNextCallAsksItAnew) {
  start();
  const std::int64_t began = host.host().monotonic_ns();
  std::shared_ptr<Told> told;
  docker.answer = [&] {
    host.advance(seconds(4));
    EXPECT_FALSE(told->over) << "it may be about to answer";
    host.advance(seconds(2));
    EXPECT_TRUE(told->over);
    return Values{"too late"};
  };
  told = ask();
  host.run();
  ASSERT_TRUE(told->status.ok()) << told->status.to_string();
  EXPECT_EQ(told->types(), Types{"unix"});
  EXPECT_LE(told->at_ns - began, std::int64_t{5'100'000'000});
  EXPECT_EQ(attestor->cached(child.peer()), nullptr) << "something is missing in it";

  docker.answer = [] { return Values{"in time"}; };
  const auto next = ask();
  host.run();
  EXPECT_EQ(next->types(), (Types{"docker", "unix"}));
  EXPECT_EQ(docker.asked, 2);
  EXPECT_NE(attestor->cached(child.peer()), nullptr);
}

TEST_F(CallerAttestorTest, NoCallerWaitsForAStragglerLongerThanHalfItsTime) {
  start();
  const std::int64_t began = host.host().monotonic_ns();
  std::shared_ptr<Told> hurried, patient, later;
  docker.answer = [&]() -> Values {
    if (docker.asked > 1) return {"fresh"};
    host.advance(milliseconds(1'200));
    EXPECT_TRUE(hurried->over);
    EXPECT_FALSE(patient->over);
    later = ask();  // not part of an attestation that somebody has given up on
    host.advance(milliseconds(100));
    EXPECT_TRUE(later->over);
    return {"slow"};
  };
  hurried = ask(seconds(2));
  patient = ask();
  host.run();
  EXPECT_EQ(hurried->types(), Types{"unix"});
  EXPECT_LE(hurried->at_ns - began, std::int64_t{1'100'000'000});
  EXPECT_EQ(patient->types(), (Types{"docker", "unix"}));
  EXPECT_EQ(later->types(), (Types{"docker", "unix"}));
  EXPECT_EQ(docker.asked, 2);
}

TEST_F(CallerAttestorTest, WhenAllHangTheCallerIsToldInTime) {
  start();
  host.selectors.reset();
  std::shared_ptr<Told> told;
  docker.answer = [&] {
    host.advance(seconds(6));
    EXPECT_TRUE(told->over);
    return std::nullopt;
  };
  told = ask();
  host.run();
  EXPECT_EQ(told->status.code(), Code::kUnavailable);
  EXPECT_EQ(told->status.message(), "workload attestation failed");
}

TEST_F(CallerAttestorTest, CallsOfOneProcessShareAnAttestation) {
  start();
  const auto first = ask();
  const auto second = ask();
  EXPECT_FALSE(first->over) << "nothing is done on the caller's thread";
  host.run();
  EXPECT_EQ(docker.asked, 1);
  ASSERT_NE(first->selectors, nullptr);
  EXPECT_EQ(first->selectors, second->selectors);
  EXPECT_EQ(attestor->cached(child.peer()), first->selectors);
  host.advance(milliseconds(1'001));
  EXPECT_EQ(attestor->cached(child.peer()), nullptr);
}

TEST_F(CallerAttestorTest, WhatLacksAnAttestorsAnswerIsNotRemembered) {
  start();
  docker.answer = [] { return std::nullopt; };
  const auto told = ask();
  host.run();
  EXPECT_EQ(told->types(), Types{"unix"});
  EXPECT_EQ(attestor->cached(child.peer()), nullptr);
}

TEST_F(CallerAttestorTest, ACallerThatHasEndedMeanwhileIsRefused) {
  start();
  docker.answer = [&] {
    child.end();
    return Values{"x"};
  };
  const auto told = ask();
  host.run();
  EXPECT_EQ(told->status.code(), Code::kUnavailable);
}

TEST_F(CallerAttestorTest, AnswersWhoWaitsWhenItStops) {
  start();
  const auto told = ask();
  attestor->stop();
  EXPECT_EQ(told->status.code(), Code::kUnavailable);
  const auto late = ask();
  EXPECT_TRUE(late->over);
  attestor.reset();
  host.run();
  EXPECT_EQ(docker.asked, 0) << "nobody wants to know any more";
}

TEST_F(CallerAttestorTest, AnAnswerMayComeWhenItHasGone) {
  start();
  docker.answer = [&] {
    attestor.reset();
    return Values{"x"};
  };
  const auto told = ask();
  host.run();
  EXPECT_EQ(told->status.code(), Code::kUnavailable);
}

TEST_F(CallerAttestorTest, ExaminingAsksAnewAndReportsEach) {
  start();
  docker.answer = [] { return std::nullopt; };
  host.no_worker = true;  // in turn, on this thread
  for (int i = 1; i <= 2; ++i) {
    const auto reports = attestor->examine(caller(), host.host().deadline_in(seconds(5)));
    ASSERT_EQ(reports.size(), 2u);
    EXPECT_EQ(reports[0].name, "unix");
    EXPECT_TRUE(reports[0].status.ok());
    EXPECT_EQ(reports[0].values, Values{"uid:0"});
    EXPECT_EQ(reports[1].name, "docker");
    EXPECT_EQ(reports[1].status.code(), Code::kInternal);
    EXPECT_EQ(reports[1].status.message(), "broken");
    EXPECT_TRUE(reports[1].answered);
    EXPECT_EQ(docker.asked, i);
  }
}

TEST_F(CallerAttestorTest, ExaminingEndsAtItsDeadline) {
  start();
  // The workers are busy elsewhere.
  const auto reports = attestor->examine(caller(), host.host().deadline_in(milliseconds(20)));
  ASSERT_EQ(reports.size(), 2u);
  for (const auto& report : reports) {
    EXPECT_EQ(report.status.code(), Code::kDeadlineExceeded);
    EXPECT_EQ(report.took, milliseconds(20));
    EXPECT_FALSE(report.answered);
  }
  host.run();
  EXPECT_EQ(docker.asked, 0);
}

// ---- what is remembered

SelectorsPtr some() { return std::make_shared<const SelectorSet>(SelectorSet{{"unix", "uid:0"}}); }

CallerCache::Found found_now(Child& child) {
  const auto caller = *CallerProcess::pin(child.peer());
  return {caller, *caller->fingerprint(), some(), 0};
}

TEST(CallerCache, ForgetsTheOneThatWasNotUsedForLongest) {
  CallerCache cache(2);
  Child a, b, c;
  EXPECT_TRUE(cache.remember(found_now(a)));
  EXPECT_FALSE(cache.remember(found_now(b)));
  EXPECT_NE(cache.find(a.peer(), 1), nullptr);
  cache.remember(found_now(c));
  EXPECT_NE(cache.find(a.peer(), 1), nullptr);
  EXPECT_NE(cache.find(c.peer(), 1), nullptr);
  EXPECT_EQ(cache.find(b.peer(), 1), nullptr);
  EXPECT_TRUE(cache.forget_old(CallerCache::kFreshNs));
  EXPECT_FALSE(cache.forget_old(CallerCache::kFreshNs + 1));
  EXPECT_EQ(cache.find(a.peer(), 1), nullptr);
}

TEST(CallerCache, AnotherProcessOfTheSameNumberAndAgeIsNotTheOneItKnows) {
  CallerCache cache;
  Child known, ended;
  cache.remember(found_now(known));
  RpcPeer other = known.peer();
  ended.end();
  other.pidfd = ended.peer().pidfd;
  EXPECT_EQ(cache.find(other, 1), nullptr);
  EXPECT_NE(cache.find(known.peer(), 1), nullptr);
  ++(other = known.peer()).uid;
  EXPECT_EQ(cache.find(other, 1), nullptr);
  known.end();
  EXPECT_EQ(cache.find(known.peer(), 1), nullptr);
}

TEST(CallerCache, DropsWhatItKnowsOfAProcessInAnotherCgroup) {
  fakes::TestCgroup groups;
  Child child;
  if (!groups.move(child.peer().pid, "a"))
    GTEST_SKIP() << "this kernel lets the test make no cgroup";
  CallerCache cache;
  cache.remember(found_now(child));
  EXPECT_NE(cache.find(child.peer(), 1), nullptr);
  ASSERT_TRUE(groups.move(child.peer().pid, "b"));
  EXPECT_EQ(cache.find(child.peer(), 1), nullptr);
  ASSERT_TRUE(groups.move(child.peer().pid, "a"));
  EXPECT_EQ(cache.find(child.peer(), 1), nullptr) << "it was dropped";
  child.end();
}

TEST_F(CallerAttestorTest, AProcessThatChangesMeanwhileIsAttestedAnew) {
  fakes::TestCgroup groups;
  if (!groups.move(child.peer().pid, "a"))
    GTEST_SKIP() << "this kernel lets the test make no cgroup";
  start();
  const auto before = ask();
  ASSERT_TRUE(groups.move(child.peer().pid, "b"));
  const auto after = ask();
  host.run();
  EXPECT_EQ(docker.asked, 2);
  EXPECT_EQ(before->status.code(), Code::kUnavailable);
  EXPECT_EQ(after->types(), (Types{"docker", "unix"}));
  child.end();
}

// ---- side by side

// FakeHost's services, on threads.
struct Threads {
  explicit Threads(const signet_host& host) : abi(host) {
    current() = this;
    abi.get_service = [](const signet_host* h, const char* id) -> const void* {
      static constexpr signet_host_executor kExecutor = {
          sizeof(signet_host_executor), 0,
          [](const signet_host*, void (*fn)(void*), void* arg) -> signet_status {
            const std::lock_guard lock(current()->mutex);
            current()->threads.emplace_back(fn, arg);
            return SIGNET_OK;
          }};
      if (std::string_view(id) == SIGNET_HOST_EXECUTOR) return &kExecutor;
      return current()->rest(h, id);
    };
    rest = host.get_service;
  }
  ~Threads() {
    for (std::thread& thread : threads) thread.join();
  }
  static Threads*& current() {
    static Threads* one = nullptr;
    return one;
  }

  signet_host abi;
  const void* (*rest)(const signet_host*, const char*) = nullptr;
  std::mutex mutex;
  std::vector<std::thread> threads;
};

TEST(CallerAttestorSideBySide, EveryCallIsAnsweredOnce) {
  fakes::FakeHost fake;
  Scripted scripted;
  fake.offer(SIGNET_WORKLOAD_ATTESTOR, scripted.instance(), Scripted::table());
  Child child;
  std::atomic<int> calls{0}, answered{0};
  {
    Threads threads(*fake.abi());
    CallerAttestor attestor{Host(&threads.abi)};
    ASSERT_TRUE(attestor.start().ok());
    std::vector<std::thread> callers;
    for (int i = 0; i < 8; ++i) {
      callers.emplace_back([&] {
        const auto caller = *CallerProcess::pin(child.peer());
        for (int n = 0; n < 50; ++n) {
          if (attestor.cached(child.peer())) continue;
          ++calls;
          attestor.attest(caller, INT64_MAX, [&](const auto& found) {
            EXPECT_TRUE(found.ok()) << found.status().message();
            ++answered;
          });
        }
      });
    }
    for (std::thread& caller : callers) caller.join();
    for (int i = 0; i < 2'000 && answered < calls; ++i)
      std::this_thread::sleep_for(milliseconds(5));
    EXPECT_NE(attestor.cached(child.peer()), nullptr);
  }
  EXPECT_GE(calls, 1);
  EXPECT_EQ(answered, calls);
  EXPECT_GE(scripted.asked, 1);
  EXPECT_LE(scripted.asked, answered);
}

}  // namespace
}  // namespace signet::agent::test
