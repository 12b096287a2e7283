#include "workload_client/grpc_transport.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <malloc.h>
#include <mutex>
#include <new>
#include <string>
#include <string_view>

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include "workload_client/limits.h"

namespace {

// What a private key looks like here, and in how much memory one was left when it was given back.
constexpr std::string_view kKey = "<private key>";
// gRPC keeps up to 23 bytes of a message, where it was cut, within objects of its own.
constexpr std::string_view kTwoKeys = "<private key><private key>";
std::atomic<bool> watching = false;
std::atomic<int> left_behind = 0;

[[maybe_unused]] void give_back(void* memory) noexcept {
  if (memory != nullptr && watching) {
    const std::string_view content(static_cast<char*>(memory), malloc_usable_size(memory));
    if (content.find(kTwoKeys) != std::string_view::npos) ++left_behind;
  }
  std::free(memory);
}

}  // namespace

#ifndef SIGNET_SANITIZED  // which has operators of its own
void* operator new(std::size_t size) {
  if (void* memory = std::calloc(1, size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { give_back(memory); }
void operator delete(void* memory, std::size_t) noexcept { give_back(memory); }
#endif

namespace signet::workload_client {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

std::string many_keys() {
  std::string keys;
  keys.reserve(kKey.size() * 10'000);
  for (int i = 0; i < 10'000; ++i) keys += kKey;
  return keys;
}

// An agent that answers "/x/Echo" with what it was asked, "/x/Large" with too much, "/x/Keys" with
// many keys, and leaves the streams of all others open after it.
class FakeAgent final : public grpc::CallbackGenericService {
 public:
  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* context) override {
    return new Reactor(*context);
  }

 private:
  class Reactor final : public grpc::ServerGenericBidiReactor {
   public:
    explicit Reactor(const grpc::GenericCallbackServerContext& context)
        : method_(context.method()) {
      const auto header = context.client_metadata().find("workload.spiffe.io");
      if (header != context.client_metadata().end() && header->second == "true") {
        StartRead(&message_);
      } else {
        Finish({grpc::StatusCode::INVALID_ARGUMENT, "no header"});
      }
    }
    void OnReadDone(bool ok) override {
      if (!ok) return;
      if (method_ == "/x/Large") {
        const grpc::Slice slice(std::string(kMaxAnswerBytes + 1, 'x'));
        message_ = grpc::ByteBuffer(&slice, 1);
      }
      if (method_ == "/x/Keys") {
        static const std::string& keys = *new std::string(many_keys());  // the agent's own stay
        const grpc::Slice slice(keys.data(), keys.size(), grpc::Slice::STATIC_SLICE);
        message_ = grpc::ByteBuffer(&slice, 1);
      }
      StartWrite(&message_);
    }
    void OnWriteDone(bool) override {
      if (method_ != "/x/Open") Finish(grpc::Status::OK);
    }
    void OnCancel() override {
      if (method_ == "/x/Open") Finish(grpc::Status::CANCELLED);
    }
    void OnDone() override { delete this; }

   private:
    const std::string method_;
    grpc::ByteBuffer message_;
  };
};

class GrpcTransportTest : public ::testing::Test {
 protected:
  GrpcTransportTest() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterCallbackGenericService(&agent);
    server = builder.BuildAndStart();
    transport = make_grpc_transport("ipv4:127.0.0.1:" + std::to_string(port));
  }
  ~GrpcTransportTest() override { server->Shutdown(std::chrono::system_clock::now()); }
  template <typename Predicate>
  bool wait_for(Predicate done) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, seconds(20), done);
  }

  FakeAgent agent;
  int port = 0;
  std::unique_ptr<grpc::Server> server;
  std::unique_ptr<Transport> transport;
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::string> messages;
  std::vector<Status> ends;
  Transport::OnMessage on_message = [this](std::string_view bytes) {
    const std::lock_guard lock(mutex);
    messages.emplace_back(bytes);
    changed.notify_all();
  };
  Transport::OnEnd on_end = [this](const Status& status) {
    const std::lock_guard lock(mutex);
    ends.push_back(status);
    changed.notify_all();
  };
};

TEST_F(GrpcTransportTest, CallsWithTheHeader) {
  EXPECT_EQ(transport->call("/x/Echo", "hello", seconds(20)).value(), "hello");
}

TEST_F(GrpcTransportTest, AStreamBringsItsMessagesAndThenItsEnd) {
  const auto stream = transport->stream("/x/Echo", "hello", on_message, on_end);
  ASSERT_TRUE(wait_for([&] { return !ends.empty(); }));
  EXPECT_EQ(messages, std::vector<std::string>{"hello"});
  EXPECT_TRUE(ends[0].ok()) << ends[0].to_string();
}

TEST_F(GrpcTransportTest, DestroyingAStreamEndsIt) {
  auto stream = transport->stream("/x/Open", "hello", on_message, on_end);
  ASSERT_TRUE(wait_for([&] { return !messages.empty(); }));
  stream.reset();
  ASSERT_EQ(ends.size(), 1U);
  EXPECT_EQ(ends[0].code(), Code::kCancelled);
}

TEST_F(GrpcTransportTest, ACallEndsAtItsTimeout) {
  EXPECT_EQ(transport->call("/x/Open", "hello", milliseconds(50)).status().code(),
            Code::kDeadlineExceeded);
}

TEST_F(GrpcTransportTest, TooLargeAnAnswerIsNotTaken) {
  EXPECT_EQ(transport->call("/x/Large", "", seconds(20)).status().code(), Code::kResourceExhausted);
  const auto stream = transport->stream("/x/Large", "", on_message, on_end);
  ASSERT_TRUE(wait_for([&] { return !ends.empty(); }));
  EXPECT_EQ(ends[0].code(), Code::kResourceExhausted);
  EXPECT_TRUE(messages.empty());
}

TEST_F(GrpcTransportTest, NoKeyIsLeftInMemoryThatIsGivenBack) {
#ifdef SIGNET_SANITIZED
  GTEST_SKIP() << "nothing that is given back is looked at";
#endif
  std::size_t size = 0;
  watching = true;
  const auto stream = transport->stream(
      "/x/Keys", "", [&](std::string_view bytes) { size = bytes.size(); }, on_end);
  ASSERT_TRUE(wait_for([&] { return !ends.empty(); }));
  watching = false;
  EXPECT_EQ(size, kKey.size() * 10'000);
  EXPECT_EQ(left_behind, 0);
}

TEST_F(GrpcTransportTest, AnAgentThatIsNotThereIsUnavailable) {
  server->Shutdown(std::chrono::system_clock::now());
  EXPECT_EQ(transport->call("/x/Echo", "hello", seconds(20)).status().code(), Code::kUnavailable);
}

}  // namespace
}  // namespace signet::workload_client
