// The admin socket: what is offered there, and to whom.
#include "admin_endpoint.h"

#include <unistd.h>

#include <gtest/gtest.h>

#include "rpc-local/local_rpc.h"
#include "test_host.h"

namespace signet::agent::test {
namespace {

class Echo final : public AdminService {
 public:
  explicit Echo(std::string method) : method_(std::move(method)) {}
  Status register_methods(RpcListener& listener) override {
    return listener.handle(method_, [this](const auto& call, std::string_view first) {
      if (keep_open) {
        kept = call;
      } else {
        call->finish_with(call->host().blob(first));
      }
    });
  }
  void end_streams() override {
    if (kept) kept->finish(Status::unavailable("the agent is shutting down"));
  }
  bool keep_open = false;
  std::shared_ptr<ServerCall> kept;

 private:
  std::string method_;
};

struct AdminSocket {
  explicit AdminSocket(std::vector<std::uint32_t> uids = {}, std::string path = "/run/admin.sock")
      : endpoint(host.host(), {std::move(path), std::move(uids)}) {
    host.rpc = rpc.table();
    host.pump = [this] { return rpc.pump(); };
  }
  TestHost host;
  fakes::LocalRpc rpc{[this] { host.run(); }};
  AdminEndpoint endpoint;
};

TEST(AdminEndpoint, OffersSeveralServicesOnOneSocket) {
  Echo one("/a.A/Get");
  Echo two("/b.B/Get");
  AdminSocket admin;
  admin.endpoint.offer(one);
  admin.endpoint.offer(two);
  ASSERT_TRUE(admin.endpoint.start().ok());
  const auto listeners = admin.rpc.listeners();
  ASSERT_EQ(listeners.size(), 1u);
  EXPECT_EQ(listeners[0].uri, "unix:/run/admin.sock");
  EXPECT_EQ(listeners[0].options,
            R"({"socket_mode":"0770","folder_mode":"0750","max_message":262144})");
  for (const char* method : {"/a.A/Get", "/b.B/Get"}) {
    const auto call = admin.rpc.call(method, "hello");
    EXPECT_EQ(call->code(), Code::kOk) << method;
    EXPECT_EQ(call->messages(), std::vector<std::string>{"hello"}) << method;
  }
}

TEST(AdminEndpoint, WithoutAPathThereIsNoSocket) {
  Echo echo("/a.A/Get");
  AdminSocket admin({}, "");
  admin.endpoint.offer(echo);
  EXPECT_TRUE(admin.endpoint.start().ok());
  EXPECT_TRUE(admin.rpc.listeners().empty());
}

TEST(AdminEndpoint, ServesOnlyTheUsersItIsToldOf) {
  Echo echo("/a.A/Get");
  AdminSocket ours({getuid() + 1, getuid()});
  ours.endpoint.offer(echo);
  ASSERT_TRUE(ours.endpoint.start().ok());
  EXPECT_EQ(ours.rpc.call("/a.A/Get", "")->code(), Code::kOk);
}

TEST(AdminEndpoint, RefusesEveryOtherUserBeforeTheMessageIsRead) {
  Echo echo("/a.A/Get");
  AdminSocket others({getuid() + 1});
  others.endpoint.offer(echo);
  ASSERT_TRUE(others.endpoint.start().ok());
  const auto call = others.rpc.call("/a.A/Get", "");
  EXPECT_EQ(call->code(), Code::kPermissionDenied);
  EXPECT_EQ(call->words(), "caller may not use the admin socket");
}

TEST(AdminEndpoint, ADrainEndsWhatIsOpen) {
  AdminSocket admin;
  Echo echo("/a.A/Get");
  echo.keep_open = true;
  admin.endpoint.offer(echo);
  ASSERT_TRUE(admin.endpoint.start().ok());
  const auto call = admin.rpc.call("/a.A/Get", "");
  ASSERT_FALSE(call->over());
  admin.endpoint.stop(std::chrono::seconds(10));
  admin.host.run();
  EXPECT_EQ(call->code(), Code::kUnavailable);
  EXPECT_TRUE(admin.rpc.listeners().empty());
}

}  // namespace
}  // namespace signet::agent::test
