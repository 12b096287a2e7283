#include "workload_client/x509_source.h"

#include <atomic>

#include <gtest/gtest.h>

#include "fake_transport.h"
#include "test_authority.h"

namespace signet::workload_client {
namespace {

using std::chrono::milliseconds;
using testing::FakeTransport;
using testing::TestAuthority;

constexpr milliseconds kPatience{10000};
const X509Source::Options kQuick{milliseconds(1), milliseconds(5), nullptr, nullptr};

TEST(X509Source, HasTheFirstAnswerAfterWait) {
  FakeTransport transport;
  TestAuthority authority("example.org");
  X509Source source(transport, kQuick);
  EXPECT_EQ(source.current(), nullptr);
  transport.wait_opened(1);
  transport.send(authority.answer("/web"));
  ASSERT_TRUE(source.wait(kPatience).ok());
  EXPECT_EQ(source.current()->default_svid().spiffe_id.to_string(), "spiffe://example.org/web");
  EXPECT_NE(source.current()->find_bundle("example.org"), nullptr);
  EXPECT_EQ(source.current()->find_bundle("elsewhere.org"), nullptr);
}

TEST(X509Source, TellsOfEachUpdateAndShowsTheLatest) {
  FakeTransport transport;
  TestAuthority authority("example.org");
  std::vector<std::string> seen;
  X509Source::Options options = kQuick;
  options.on_update = [&](const X509ContextPtr& c) {
    seen.push_back(c->default_svid().spiffe_id.to_string());
  };
  X509Source source(transport, options);
  transport.wait_opened(1);
  transport.send(authority.answer("/a"));
  transport.send(authority.answer("/b"));
  EXPECT_EQ(seen, (std::vector<std::string>{"spiffe://example.org/a", "spiffe://example.org/b"}));
  EXPECT_EQ(source.current()->default_svid().spiffe_id.path(), "/b");
}

TEST(X509Source, ReconnectsAndKeepsWhatItHasMeanwhile) {
  FakeTransport transport;
  TestAuthority authority("example.org");
  X509Source source(transport, kQuick);
  transport.wait_opened(1);
  transport.send(authority.answer("/a"));
  transport.end(Status::unavailable("agent restarts"));
  ASSERT_NE(source.current(), nullptr);
  EXPECT_EQ(source.last_error().code(), Code::kUnavailable);
  transport.wait_opened(2);
  transport.send(authority.answer("/b"));
  EXPECT_EQ(source.current()->default_svid().spiffe_id.path(), "/b");
  EXPECT_TRUE(source.last_error().ok());
}

TEST(X509Source, PermissionDeniedIsTriedAgainButInvalidArgumentIsNot) {
  FakeTransport transport;
  X509Source source(transport, kQuick);
  transport.wait_opened(1);
  transport.end(Status::permission_denied("no identity issued"));
  transport.wait_opened(2);
  transport.end(Status::invalid_argument("security header missing from request"));
  const Status status = source.wait(kPatience);
  EXPECT_EQ(status.code(), Code::kInvalidArgument);
  EXPECT_EQ(status.message(), "security header missing from request");
}

TEST(X509Source, AMalformedAnswerIsReportedAndDoesNotReplaceAGoodOne) {
  FakeTransport transport;
  TestAuthority authority("example.org");
  X509Source source(transport, kQuick);
  transport.wait_opened(1);
  transport.send(authority.answer("/a"));
  for (const std::string& bad :
       {std::string("\xff\xff"), std::string(), authority.answer("/a").substr(0, 100)}) {
    transport.send(bad);
    EXPECT_EQ(source.last_error().code(), Code::kInvalidArgument);
    EXPECT_EQ(source.current()->default_svid().spiffe_id.path(), "/a");
  }
}

TEST(X509Source, WaitEndsAtItsTimeoutAndSaysWhatIsWrong) {
  FakeTransport transport;
  X509Source source(transport, kQuick);
  EXPECT_EQ(source.wait(milliseconds(1)).code(), Code::kDeadlineExceeded);
  transport.wait_opened(1);
  transport.end(Status::permission_denied("no identity issued"));
  const Status status = source.wait(milliseconds(1));
  EXPECT_EQ(status.code(), Code::kDeadlineExceeded);
  EXPECT_NE(status.message().find("PERMISSION_DENIED: no identity issued"), std::string::npos);
}

TEST(X509Source, CancelledEndsItForGoodAndEveryOtherCodeIsTriedAgain) {
  FakeTransport transport;
  std::atomic<int> errors = 0;
  X509Source::Options options = kQuick;
  options.on_error = [&](const Status&) { ++errors; };
  X509Source source(transport, options);
  int stream = 0;
  for (int code = 2; code <= 16; ++code) {
    if (static_cast<Code>(code) == Code::kInvalidArgument) continue;
    transport.wait_opened(++stream);
    transport.end(Status(static_cast<Code>(code), "no"));
  }
  transport.wait_opened(++stream);
  transport.end(Status());  // an agent that ends a stream in peace is asked again too
  transport.wait_opened(++stream);
  transport.end(Status::cancelled("told to"));
  EXPECT_EQ(source.wait(kPatience).code(), Code::kCancelled);
  EXPECT_EQ(errors, stream);
}

TEST(X509Source, ThePausesGrowUpToTheLongestAndAnAnswerMakesThemShortAgain) {
  FakeTransport transport;
  TestAuthority authority("example.org");
  X509Source source(transport, {milliseconds(100), milliseconds(250), nullptr, nullptr});
  int stream = 0;
  // How long after the end of one stream the next one begins. Machines are slow, never too fast.
  const auto pause = [&] {
    const auto began = std::chrono::steady_clock::now();
    transport.end(Status::unavailable("no"));
    transport.wait_opened(++stream);
    return std::chrono::steady_clock::now() - began;
  };
  transport.wait_opened(++stream);
  for (const int least : {100, 200, 250, 250}) EXPECT_GE(pause(), milliseconds(least));
  milliseconds shortest{1000};
  for (int n = 0; n < 10 && shortest >= milliseconds(250); ++n) {
    transport.send(authority.answer("/a"));
    shortest = std::min(shortest, std::chrono::duration_cast<milliseconds>(pause()));
  }
  EXPECT_LT(shortest, milliseconds(250));
}

TEST(X509Source, ItsEndIsNoError) {
  FakeTransport transport;
  std::atomic<int> errors = 0;
  X509Source::Options options = kQuick;
  options.on_error = [&](const Status&) { ++errors; };
  {
    X509Source source(transport, options);
    transport.wait_opened(1);
  }
  EXPECT_EQ(errors, 0);
}

}  // namespace
}  // namespace signet::workload_client
