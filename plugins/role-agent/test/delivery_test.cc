#include "delivery.h"

#include <condition_variable>
#include <deque>
#include <future>
#include <mutex>

#include <gtest/gtest.h>

#include "fake_server.h"
#include "test_host.h"

namespace signet::agent::test {
namespace {

constexpr std::int64_t kServerTime = 1'800'000'000'000'000'000;

// A server whose Follow calls a test plays by hand; all of it under one mutex.
class TellingServer final : public FakeServer {
 public:
  using FakeServer::FakeServer;

  Result<std::unique_ptr<FollowStream>> follow(const delivery_v1::FollowRequest& first) override {
    const std::lock_guard lock(mutex_);
    ++calls_;
    asks_for_expiry_ = first.output_mask().expires_at();
    asks_for_answers_ = first.answer_still_here();
    changed_.notify_all();
    if (!refusal_.ok()) return refusal_;
    end_.reset();
    return std::unique_ptr<FollowStream>(std::make_unique<Call>(*this));
  }

  void refuse(Status refusal) {
    const std::lock_guard lock(mutex_);
    refusal_ = std::move(refusal);
  }
  void tell(std::uint64_t revision) {
    const std::lock_guard lock(mutex_);
    answers_.emplace_back().set_revision(revision);
    answers_.back().set_time_ns(kServerTime);
    changed_.notify_all();
  }
  /// Begins a call as a server does that answers each word.
  void begin(std::uint64_t revision) {
    const std::lock_guard lock(mutex_);
    answers_.emplace_back().set_revision(revision);
    answers_.back().set_resync(true);
    answers_.back().set_heard(true);
    changed_.notify_all();
  }
  /// Answers a word.
  void hear() {
    const std::lock_guard lock(mutex_);
    answers_.emplace_back().set_heard(true);
    changed_.notify_all();
  }
  void end(Status status) {
    const std::lock_guard lock(mutex_);
    end_ = std::move(status);
    changed_.notify_all();
  }
  /// Waits for that many calls and acknowledgements.
  bool reached(int calls, int acknowledged) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(10),
                             [&] { return calls_ >= calls && acknowledged_ >= acknowledged; });
  }
  int words() {
    const std::lock_guard lock(mutex_);
    return words_;
  }
  bool asks_for_answers() {
    const std::lock_guard lock(mutex_);
    return asks_for_answers_;
  }
  /// Waits until everything that was told has been read.
  bool all_read() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(10),
                             [&] { return reading_ && answers_.empty(); });
  }
  bool asks_for_expiry() {
    const std::lock_guard lock(mutex_);
    return asks_for_expiry_;
  }

 private:
  class Call final : public FollowStream {
   public:
    explicit Call(TellingServer& server) : server_(server) {}
    Result<std::optional<delivery_v1::FollowResponse>> read() override {
      TellingServer& s = server_;
      std::unique_lock lock(s.mutex_);
      s.reading_ = true;
      s.changed_.notify_all();
      s.changed_.wait(lock, [&] { return s.end_ || !s.answers_.empty(); });
      s.reading_ = false;
      if (!s.end_) {
        delivery_v1::FollowResponse answer = std::move(s.answers_.front());
        s.answers_.pop_front();
        return std::optional(std::move(answer));
      }
      if (!s.end_->ok()) return *s.end_;
      return std::optional<delivery_v1::FollowResponse>();
    }
    Status acknowledge() override {
      const std::lock_guard lock(server_.mutex_);
      ++server_.acknowledged_;
      server_.changed_.notify_all();
      return {};
    }
    void still_here() override {
      const std::lock_guard lock(server_.mutex_);
      ++server_.words_;
    }
    void cancel() override { server_.end(Status::cancelled("cancelled")); }
    void lost() override { server_.end(Status::unavailable("lost")); }

   private:
    TellingServer& server_;
  };

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<delivery_v1::FollowResponse> answers_;
  std::optional<Status> end_;
  Status refusal_;
  int calls_ = 0, acknowledged_ = 0, words_ = 0;
  bool asks_for_expiry_ = false, asks_for_answers_ = false, reading_ = false;
};

class DeliveryTest : public ::testing::Test {
 protected:
  Delivery::Hooks hooks() {
    Delivery::Hooks hooks;
    hooks.take = [this](const delivery_v1::FollowResponse& told) {
      const std::lock_guard lock(mutex_);
      taken_.push_back(told.revision());
      return std::exchange(next_take_, Status());
    };
    hooks.live = [this] {
      const std::lock_guard lock(mutex_);
      live_ = true;
    };
    hooks.clock = [this](std::int64_t asked_ns, std::int64_t server_ns) {
      const std::lock_guard lock(mutex_);
      clocks_.emplace_back(asked_ns, server_ns);
    };
    hooks.ended = [this](const Status& why) {
      const std::lock_guard lock(mutex_);
      live_ = false;
      ends_.push_back(why.code());
      ended_.notify_all();
    };
    return hooks;
  }
  void fail_next() {
    const std::lock_guard lock(mutex_);
    next_take_ = Status::unavailable("not taken over");
  }

  TestHost host_;
  TellingServer server_{host_};
  std::mutex mutex_;
  std::vector<std::uint64_t> taken_;
  std::vector<std::pair<std::int64_t, std::int64_t>> clocks_;
  std::vector<Code> ends_;
  std::condition_variable ended_;
  bool live_ = false;
  Status next_take_;
  Delivery delivery_{host_.host(), server_, hooks()};
};

TEST_F(DeliveryTest, AcknowledgesWhatWasTakenOver) {
  delivery_.start();
  server_.tell(1);
  server_.tell(2);
  ASSERT_TRUE(server_.reached(1, 2));
  delivery_.stop();
  EXPECT_EQ(taken_, (std::vector<std::uint64_t>{1, 2}));
  EXPECT_TRUE(server_.asks_for_expiry());
  EXPECT_TRUE(ends_.empty()) << "it has ended by itself";
}

TEST_F(DeliveryTest, WhatCouldNotBeTakenOverIsNotAcknowledgedAndTheCallBeginsAnew) {
  fail_next();
  delivery_.start();
  server_.tell(1);
  ASSERT_TRUE(server_.reached(2, 0));
  server_.tell(2);
  ASSERT_TRUE(server_.reached(2, 1));
  delivery_.stop();
  EXPECT_EQ(taken_, (std::vector<std::uint64_t>{1, 2}));
  EXPECT_EQ(ends_, (std::vector<Code>{Code::kUnavailable}));
}

TEST_F(DeliveryTest, BeginsAnewAfterAnEndAnErrorAndARenewal) {
  delivery_.start();
  server_.tell(1);
  ASSERT_TRUE(server_.reached(1, 1));
  server_.end({});
  ASSERT_TRUE(server_.reached(2, 1));
  server_.end(Status::unavailable("gone"));
  ASSERT_TRUE(server_.reached(3, 1));
  server_.tell(2);
  ASSERT_TRUE(server_.reached(3, 2));
  delivery_.renew();
  ASSERT_TRUE(server_.reached(4, 2));
  delivery_.stop();
  EXPECT_EQ(ends_, (std::vector<Code>{Code::kOk, Code::kUnavailable, Code::kCancelled}));
  EXPECT_FALSE(live_);
}

TEST_F(DeliveryTest, SaysNowAndThenThatItIsStillThere) {
  delivery_.start();
  server_.tell(1);
  ASSERT_TRUE(server_.reached(1, 1));
  host_.advance(std::chrono::seconds(35));
  EXPECT_EQ(server_.words(), 3);
  delivery_.stop();
}

TEST_F(DeliveryTest, TheFirstAnswerTellsTheServersClock) {
  delivery_.start();
  const std::int64_t asked_ns = host_.host().wall_ns();
  server_.tell(1);
  ASSERT_TRUE(server_.reached(1, 1));
  server_.tell(2);  // later ones come when something changes
  ASSERT_TRUE(server_.reached(1, 2));
  delivery_.stop();
  EXPECT_EQ(clocks_, (decltype(clocks_){{asked_ns, kServerTime}}));
}

TEST_F(DeliveryTest, AServerThatAnswersItsWordsIsLostWhenItFallsSilent) {
  delivery_.start();
  server_.begin(1);
  ASSERT_TRUE(server_.reached(1, 1));
  EXPECT_TRUE(server_.asks_for_answers());
  for (int i = 0; i < 6; ++i) {
    ASSERT_TRUE(server_.all_read());
    host_.advance(std::chrono::seconds(10));
    EXPECT_EQ(server_.words(), i + 1);
    server_.hear();
  }
  ASSERT_TRUE(server_.all_read());
  EXPECT_TRUE(ends_.empty());
  EXPECT_EQ(taken_, std::vector<std::uint64_t>{1}) << "the answer to a word is not handed on";
  host_.advance(std::chrono::seconds(10));
  EXPECT_EQ(server_.words(), 7);
  host_.advance(std::chrono::seconds(10));
  ASSERT_TRUE(server_.reached(2, 1)) << "another call";
  delivery_.stop();
  EXPECT_EQ(ends_.front(), Code::kUnavailable);
}

TEST_F(DeliveryTest, AServerThatGivesNoFirstAnswerIsLost) {
  delivery_.start();
  ASSERT_TRUE(server_.reached(1, 0));
  ASSERT_TRUE(server_.all_read());
  host_.advance(std::chrono::seconds(10));
  host_.advance(std::chrono::seconds(10));
  ASSERT_TRUE(server_.reached(2, 0));
  delivery_.stop();
}

// Meanwhile nothing is read, and a whole sync may last.
TEST_F(DeliveryTest, NobodyIsLostWhileAnAnswerIsTakenOver) {
  std::promise<void> begun, go;
  Delivery::Hooks hooks = this->hooks();
  hooks.take = [&](const delivery_v1::FollowResponse&) {
    begun.set_value();
    go.get_future().wait();
    return Status();
  };
  Delivery delivery(host_.host(), server_, hooks);
  delivery.start();
  server_.begin(1);
  begun.get_future().wait();
  host_.advance(std::chrono::seconds(60));
  go.set_value();
  ASSERT_TRUE(server_.reached(1, 1));
  ASSERT_TRUE(server_.all_read());
  server_.hear();
  ASSERT_TRUE(server_.all_read());
  delivery.stop();
  EXPECT_TRUE(ends_.empty());
}

TEST_F(DeliveryTest, AServerThatDoesNotKnowTheMethodIsLeftAlone) {
  server_.refuse(Status::unimplemented("unknown service"));
  delivery_.start();
  {
    std::unique_lock lock(mutex_);
    ASSERT_TRUE(ended_.wait_for(lock, std::chrono::seconds(10), [&] { return !ends_.empty(); }));
  }
  delivery_.stop();  // in its pause of minutes
  EXPECT_FALSE(live_);
  EXPECT_EQ(ends_, (std::vector<Code>{Code::kUnimplemented}));
}

}  // namespace
}  // namespace signet::agent::test
