// experimental.ratelimit and log_selectors.
#include <unistd.h>

#include <gtest/gtest.h>

#include "no_identity.h"
#include "rig.h"

namespace signet::agent::test {
namespace {

using Rates = std::map<std::string, std::uint32_t>;

std::function<void(AgentConfig&)> limited(const Rates& rates) {
  return [rates](AgentConfig& config) {
    for (const auto& [method, rate] : rates)
      config.call_rates["/SpiffeWorkloadAPI/" + method] = rate;
  };
}

TEST(CallerLimits, ACallBeyondTheRateIsUnavailableAndSaysOfWhat) {
  Rig rig(limited({{"FetchX509SVID", 2}}));
  rig.server.add(entry("1", "/me", {"unix:uid:0"}));
  rig.start();
  for (int i = 0; i < 2; ++i) EXPECT_EQ(rig.x509()->count(), 1u);
  const auto call = rig.x509();
  EXPECT_EQ(call->code(), Code::kUnavailable);
  EXPECT_EQ(call->words(), "rate limit exceeded for /SpiffeWorkloadAPI/FetchX509SVID");
  EXPECT_EQ(rig.call("FetchX509Bundles")->count(), 1u);  // each call has its own
  rig.host.advance(std::chrono::milliseconds(510));
  EXPECT_EQ(rig.x509()->count(), 1u);
  EXPECT_EQ(rig.x509()->code(), Code::kUnavailable);
  const std::string metric = "workload_api.rate_limit_exceeded /SpiffeWorkloadAPI/";
  EXPECT_EQ(rig.host.metric(metric + "FetchX509SVID"), 2);
  EXPECT_EQ(rig.host.metric(metric + "FetchX509Bundles"), 0);
}

TEST(CallerLimits, EveryCallThatHasALimitKeepsIt) {
  Rig rig(limited({{"FetchX509SVID", 1},
                   {"FetchX509Bundles", 1},
                   {"FetchJWTBundles", 1},
                   {"FetchJWTSVID", 1}}));
  rig.server.add(entry("1", "/me", {"unix:uid:0"}));
  rig.start();
  for (const char* method : {"FetchX509SVID", "FetchX509Bundles", "FetchJWTBundles"}) {
    EXPECT_EQ(rig.call(method)->count(), 1u) << method;
    EXPECT_EQ(rig.call(method)->code(), Code::kUnavailable) << method;
  }
  EXPECT_EQ(rig.fetch_jwt({"a"})->code(), Code::kOk);
  EXPECT_EQ(rig.fetch_jwt({"a"})->words(),
            "rate limit exceeded for /SpiffeWorkloadAPI/FetchJWTSVID");
  for (int i = 0; i < 5; ++i)  // a request that is wrong, or a validation, counts nothing
    EXPECT_EQ(rig.validate("a", "x.y.z")->code(), Code::kInvalidArgument);
}

TEST(CallerLimits, SdsHasItsOwn) {
  const std::string service = "/envoy.service.secret.v3.SecretDiscoveryService/";
  const auto once = [service](AgentConfig& config) {
    for (const char* method : {"StreamSecrets", "DeltaSecrets", "FetchSecrets"})
      config.call_rates[service + method] = 1;
  };
  Rig rig(once);
  rig.server.add(entry("1", "/me", {"unix:uid:0"}));
  rig.start();
  for (const char* method : {"StreamSecrets", "DeltaSecrets", "FetchSecrets"}) {
    EXPECT_EQ(rig.rpc.open(service + method, "")->count(), 1u) << method;
    EXPECT_EQ(rig.rpc.open(service + method, "")->words(),
              "rate limit exceeded for " + service + method);
  }
}

TEST(CallerLimits, CallersWithOtherSelectorsAreCountedApart) {
  Rig rig(limited({{"FetchX509SVID", 1}}));
  rig.start();
  EXPECT_EQ(rig.x509()->code(), Code::kPermissionDenied);
  EXPECT_EQ(rig.x509()->code(), Code::kUnavailable);
  rig.host.pass(std::chrono::milliseconds(1));
  rig.host.selectors = {{"uid:1"}};
  rig.host.advance(std::chrono::milliseconds(1100));  // the old attestation is forgotten
  EXPECT_EQ(rig.x509()->code(), Code::kPermissionDenied);
  rig.host.selectors = {std::vector<std::string>{}};
  rig.host.advance(std::chrono::milliseconds(1100));
  EXPECT_EQ(rig.x509()->code(), Code::kPermissionDenied);
  EXPECT_EQ(rig.x509()->code(), Code::kUnavailable);
}

TEST(CallerLimits, TheAgentItselfIsNotCounted) {
  Rig rig(limited({{"FetchX509SVID", 1}}));
  rig.own_pid = getpid();
  rig.start();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(rig.x509()->code(), Code::kPermissionDenied);
}

TEST(NoIdentity, TheLogShowsTheSelectorsThatAPrefixNames) {
  SelectorSet caller;
  for (const char* text : {"k8s:ns:shop", "k8s:nsx:no", "unix:uid:0", "unix:uid", "docker:env:A=b"})
    caller.push_back(Selector::parse(text).value());
  EXPECT_EQ(loggable_selectors(caller, {}), "");
  EXPECT_EQ(loggable_selectors(caller, {"k8s:ns"}), "k8s:ns:shop");
  EXPECT_EQ(loggable_selectors(caller, {"unix", "k8s:ns:shop"}), "k8s:ns:shop,unix:uid,unix:uid:0");
  EXPECT_EQ(loggable_selectors(caller, {"kube"}), "");
}

}  // namespace
}  // namespace signet::agent::test
