#include "workload_client/x509_source.h"

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

TEST(X509Source, WaitEndsAtItsTimeout) {
  FakeTransport transport;
  X509Source source(transport, kQuick);
  EXPECT_EQ(source.wait(milliseconds(1)).code(), Code::kDeadlineExceeded);
}

TEST(X509ContextParse, RefusesAKeyThatIsNotTheLeafs) {
  TestAuthority authority("example.org");
  ::X509SVIDResponse a;
  ::X509SVIDResponse b;
  ASSERT_TRUE(a.ParseFromString(authority.answer("/a")));
  ASSERT_TRUE(b.ParseFromString(authority.answer("/a")));
  a.mutable_svids(0)->set_x509_svid_key(b.svids(0).x509_svid_key());
  EXPECT_EQ(X509Context::parse(a.SerializeAsString()).status().code(), Code::kInvalidArgument);
}

TEST(X509ContextParse, RefusesAnotherIdentitysCertificate) {
  TestAuthority authority("example.org");
  ::X509SVIDResponse a;
  ASSERT_TRUE(a.ParseFromString(authority.answer("/a")));
  a.mutable_svids(0)->set_spiffe_id("spiffe://example.org/b");
  EXPECT_FALSE(X509Context::parse(a.SerializeAsString()));
}

}  // namespace
}  // namespace signet::workload_client
