#include "limit_metrics.h"

#include <gtest/gtest.h>

#include "server_fakes.h"

namespace signet::server {
namespace {

TEST(LimitMetrics, KeysAreThePeers) {
  const auto key = [](const char* method) { return metric_key(method); };
  EXPECT_EQ(key("/spire.api.server.agent.v1.Agent/AttestAgent"), "agent.v1.agent.attest_agent");
  EXPECT_EQ(key("/spire.api.server.svid.v1.SVID/NewJWTSVID"), "svid.v1.svid.new_jwtsvid");
  EXPECT_EQ(key("/spire.api.server.svid.v1.SVID/BatchNewX509SVID"),
            "svid.v1.svid.batch_new_x509svid");
  EXPECT_EQ(key("/spire.api.server.bundle.v1.Bundle/PublishJWTAuthority"),
            "bundle.v1.bundle.publish_jwt_authority");
  EXPECT_EQ(key("/signet.explain.v1.ServerExplain/AskAboutCaller"),
            "signet.explain.v1.server_explain.ask_about_caller");
}

TEST(LimitMetrics, CallsAreCountedByHowTheWaitForTheirTurnEnded) {
  const testing::QuietHost host;
  const std::string_view method = "/spire.api.server.agent.v1.Agent/AttestAgent";
  count_limited(host.host(), method, Code::kOk, 0);
  count_limited(host.host(), method, Code::kOk, 1'500'000'000);
  count_limited(host.host(), method, Code::kResourceExhausted, 0);
  const std::string name = "rateLimit.agent.v1.agent.attest_agent";
  EXPECT_EQ(host.metric(name + " OK"), 2);
  EXPECT_EQ(host.metric(name + " ResourceExhausted"), 1);
  EXPECT_EQ(host.metric(name + ".elapsed_time OK"), 1.5);
}

}  // namespace
}  // namespace signet::server
