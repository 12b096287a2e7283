// A Transport whose agent is the test itself.
#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>

#include "workload_client/transport.h"

namespace signet::workload_client::testing {

class FakeTransport final : public Transport {
 public:
  /// What the agent answers to unary calls.
  using Answer =
      std::function<Result<std::string>(const std::string& method, const std::string& request)>;
  Answer answer = [](const std::string&, const std::string&) -> Result<std::string> {
    return Status::unimplemented("not in this fake");
  };

  std::unique_ptr<Stream> stream(const std::string& method, std::string, OnMessage on_message,
                                 OnEnd on_end) override {
    std::lock_guard lock(mutex_);
    method_ = method;
    on_message_ = std::move(on_message);
    on_end_ = std::move(on_end);
    ++opened_;
    changed_.notify_all();
    return std::make_unique<FakeStream>(*this);
  }
  Result<std::string> call(const std::string& method, std::string request,
                           std::chrono::milliseconds) override {
    return answer(method, request);
  }

  /// Waits until the client has opened its n-th stream.
  void wait_opened(int n) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return opened_ >= n && on_message_; });
  }
  std::string method() {
    std::lock_guard lock(mutex_);
    return method_;
  }
  void send(const std::string& bytes) {
    OnMessage on_message;
    {
      std::lock_guard lock(mutex_);
      on_message = on_message_;
    }
    on_message(bytes);
  }
  void end(Status status) {
    OnEnd on_end;
    {
      std::lock_guard lock(mutex_);
      on_end = std::move(on_end_);
      on_end_ = nullptr;
      on_message_ = nullptr;
    }
    if (on_end) on_end(std::move(status));
  }

 private:
  class FakeStream final : public Stream {
   public:
    explicit FakeStream(FakeTransport& owner) : owner_(owner) {}
    ~FakeStream() override { owner_.end(Status::cancelled("the client went")); }

   private:
    FakeTransport& owner_;
  };
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string method_;
  OnMessage on_message_;
  OnEnd on_end_;
  int opened_ = 0;
};

}  // namespace signet::workload_client::testing
