// ServiceHandle and ServiceStream against a provider that does what a test tells it.
#include "signet/service.h"

#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "signet/plugin.h"
#include "signet/testing/fake_host.h"

namespace signet {
namespace {

constexpr char kEcho[] = "test.echo/1";
constexpr std::uint32_t kKindText = 1;

// A service with one function, as a plugin type's table would have it.
struct EchoApi {
  std::uint32_t struct_size;
  std::uint32_t reserved;
  signet_status (*echo)(signet_instance*, signet_call*, signet_str text);
};

constexpr EchoApi kEchoTable = {
    sizeof(EchoApi), 0, [](signet_instance* self, signet_call* call, signet_str text) {
      return guarded(call, [&]() -> Status {
        if (self == nullptr) return Status::internal("no instance");
        const std::string_view word = view(text);
        if (word == "throw") throw std::runtime_error("thrown");
        if (word == "throw int") throw 5;
        if (word == "refuse") {
          return Status::permission_denied("refused").with_detail({"type.example/Why", "bytes"});
        }
        Call(call).emit(kKindText, text);
        Call(call).emit(kKindText, text);
        return {};
      });
    }};

class EchoService : public testing::Test {
 protected:
  EchoService() { fake_.offer(kEcho, reinterpret_cast<signet_instance*>(this), &kEchoTable); }

  Status echo(std::string_view word) {
    auto handle = ServiceHandle<EchoApi>::acquire(host_, kEcho);
    if (!handle) return handle.status();
    return handle->call(
        INT64_MAX,
        [&](std::uint32_t kind, const void* msg, std::size_t size) {
          EXPECT_EQ(kind, kKindText);
          EXPECT_EQ(size, sizeof(signet_str));
          heard_.emplace_back(view(*static_cast<const signet_str*>(msg)));
        },
        [&](const EchoApi& api, signet_instance* i, signet_call* c) {
          return api.echo(i, c, to_abi(word));
        });
  }

  fakes::FakeHost fake_;
  Host host_{fake_.abi()};
  std::vector<std::string> heard_;
};

TEST_F(EchoService, GivesWhatWasEmittedInOrder) {
  EXPECT_TRUE(echo("hello").ok());
  EXPECT_EQ(heard_, (std::vector<std::string>{"hello", "hello"}));
}

TEST_F(EchoService, AnErrorComesWithItsCodeItsWordsAndItsDetail) {
  const Status status = echo("refuse");
  EXPECT_EQ(status.to_string(), "PERMISSION_DENIED: refused");
  ASSERT_NE(status.detail(), nullptr);
  EXPECT_EQ(status.detail()->type_url, "type.example/Why");
  EXPECT_EQ(status.detail()->value, "bytes");
  EXPECT_TRUE(heard_.empty());
}

TEST_F(EchoService, AnExceptionStopsAtTheEdgeAsInternal) {
  EXPECT_EQ(echo("throw").to_string(), "INTERNAL: thrown");
  EXPECT_EQ(echo("throw int").to_string(), "INTERNAL: unknown exception");
}

TEST_F(EchoService, AMissingServiceIsNotFoundByItsName) {
  const auto handle = ServiceHandle<EchoApi>::acquire(host_, "test.other/1", "disk");
  ASSERT_FALSE(handle.ok());
  EXPECT_EQ(handle.status().to_string(),
            "NOT_FOUND: no plugin in scope offers test.other/1 under the name \"disk\"");
}

TEST(ServiceHandle, WithoutAHostIsUnavailable) {
  EXPECT_EQ(ServiceHandle<EchoApi>::acquire(Host(), kEcho).status().code(), Code::kUnavailable);
  EXPECT_TRUE(ServiceHandle<EchoApi>::names(Host(), kEcho).empty());
  EXPECT_FALSE(static_cast<bool>(ServiceHandle<EchoApi>()));
}

// -- calls that are answered later: a host whose provider always says PENDING

class LateHost {
 public:
  LateHost() {
    host_.struct_size = sizeof host_;
    host_.impl = this;
    host_.get_service = [](const signet_host*, const char* id) -> const void* {
      return std::string_view(id) == SIGNET_HOST_SERVICES ? services() : nullptr;
    };
  }
  Host host() const { return Host(&host_); }
  void emit(std::uint32_t number) { sink_->on_emit(arg_, kKindText, &number, sizeof number); }
  void finish(signet_status code, std::string_view words) {
    sink_->on_done(arg_, code, to_abi(words));
  }
  bool begun() const { return begun_.load(); }
  int cancels() const { return cancels_.load(); }
  bool finish_on_cancel = false;

 private:
  static LateHost& of(const void* p) { return *static_cast<LateHost*>(const_cast<void*>(p)); }
  static const signet_host_services* services() {
    static constexpr signet_host_services kServices = {
        sizeof(signet_host_services),
        0,
        [](const signet_host* host, const char*, signet_str, signet_handle** out) -> signet_status {
          *out = reinterpret_cast<signet_handle*>(host->impl);
          return SIGNET_OK;
        },
        [](signet_handle*) {},
        [](const signet_host*, const char*, void (*)(void*, signet_str), void*) {},
        [](signet_handle* handle, std::int64_t, const signet_sink* sink, void* arg,
           signet_call** call, signet_instance** instance, const void** table) -> signet_status {
          LateHost& self = of(handle);
          self.sink_ = sink;
          self.arg_ = arg;
          self.call_.impl = &self;
          *call = &self.call_;
          *instance = nullptr;
          *table = &kEchoTable;
          return SIGNET_OK;
        },
        [](signet_call* call, signet_status returned) {
          of(call->impl).begun_.store(true);
          return returned;
        },
        [](signet_call* call) {
          LateHost& self = of(call->impl);
          ++self.cancels_;
          if (self.finish_on_cancel) self.finish(SIGNET_CANCELLED, "");
        },
    };
    return &kServices;
  }
  signet_host host_{};
  signet_call call_{};
  const signet_sink* sink_ = nullptr;
  void* arg_ = nullptr;
  std::atomic<bool> begun_{false};
  std::atomic<int> cancels_{0};
};

constexpr auto kPending = [](const EchoApi&, signet_instance*, signet_call*) -> signet_status {
  return SIGNET_PENDING;
};

TEST(ServiceHandle, WaitsForAnAnswerThatComesLater) {
  LateHost late;
  auto handle = ServiceHandle<EchoApi>::acquire(late.host(), kEcho);
  ASSERT_TRUE(handle.ok());
  std::thread provider([&] {
    while (!late.begun()) std::this_thread::yield();
    late.emit(1);
    late.emit(2);
    late.finish(SIGNET_UNAVAILABLE, "later");
  });
  std::vector<std::uint32_t> numbers;
  const Status status = handle->call(
      INT64_MAX,
      [&](std::uint32_t, const void* msg, std::size_t) {
        numbers.push_back(*static_cast<const std::uint32_t*>(msg));
      },
      kPending);
  provider.join();
  EXPECT_EQ(status.to_string(), "UNAVAILABLE: later");
  EXPECT_EQ(numbers, (std::vector<std::uint32_t>{1, 2}));
}

TEST(ServiceStream, GivesMessagesUntilItsEnd) {
  LateHost late;
  auto handle = ServiceHandle<EchoApi>::acquire(late.host(), kEcho);
  std::vector<std::uint32_t> numbers;
  Status end;
  ServiceStream stream;
  ASSERT_TRUE(stream
                  .start(
                      *handle,
                      [&](std::uint32_t, const void* msg, std::size_t) {
                        numbers.push_back(*static_cast<const std::uint32_t*>(msg));
                      },
                      [&](Status status) { end = std::move(status); }, kPending)
                  .ok());
  late.emit(7);
  late.finish(SIGNET_DATA_LOSS, "gone");
  EXPECT_EQ(numbers, (std::vector<std::uint32_t>{7}));
  EXPECT_EQ(end.to_string(), "DATA_LOSS: gone");
  stream.stop();
  EXPECT_EQ(late.cancels(), 0) << "what has ended is not cancelled";
}

TEST(ServiceStream, StopCancelsAndWaitsForTheLastCallback) {
  LateHost late;
  auto handle = ServiceHandle<EchoApi>::acquire(late.host(), kEcho);
  std::atomic<bool> done{false};
  ServiceStream stream;
  const auto ignore = [](std::uint32_t, const void*, std::size_t) {};
  ASSERT_TRUE(stream
                  .start(
                      *handle, ignore, [&](const Status&) { done.store(true); }, kPending)
                  .ok());
  std::thread provider([&] {
    while (late.cancels() == 0) std::this_thread::yield();
    late.finish(SIGNET_CANCELLED, "");
  });
  stream.stop();
  EXPECT_TRUE(done.load());
  provider.join();
}

TEST(ServiceStream, MayEndWithinItsCancelAndStartAgain) {
  LateHost late;
  late.finish_on_cancel = true;
  auto handle = ServiceHandle<EchoApi>::acquire(late.host(), kEcho);
  int ends = 0;
  const auto ignore = [](std::uint32_t, const void*, std::size_t) {};
  {
    ServiceStream stream;
    ASSERT_TRUE(stream
                    .start(
                        *handle, ignore, [&](const Status&) { ++ends; }, kPending)
                    .ok());
    ASSERT_TRUE(stream
                    .start(
                        *handle, ignore, [&](const Status&) { ++ends; }, kPending)
                    .ok());
    EXPECT_EQ(ends, 1) << "the first was stopped";
  }
  EXPECT_EQ(ends, 2) << "the second with its owner";
}

}  // namespace
}  // namespace signet
