// The Workload API by the rules of the standard. RuleNN is the number in the conformance list
// (SPIFFE Workload Endpoint, SPIFFE Workload API).
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "crypto/encoding.h"
#include "rig.h"
#include "x509/verify.h"

namespace signet::agent::test {
namespace {

using Response = ::X509SVIDResponse;

TEST(WorkloadApi, Rule43IsServedInPlaintextOnAUnixSocketThatAllMayUse) {
  Rig rig;
  rig.start();
  EXPECT_EQ(rig.rpc.listeners().at(0).uri, "unix:/run/test.sock");
  EXPECT_FALSE(rig.rpc.listeners().at(0).with_acceptor);
  EXPECT_NE(rig.rpc.listeners().at(0).options.find("\"socket_mode\":\"0777\""), std::string::npos);
}

TEST(WorkloadApi, Rule44RefusesACallWithoutTheSecurityHeader) {
  Rig rig;
  rig.server.add(entry("1", "/me", {"unix:uid:0"}));
  rig.start();
  for (const Rig::Headers& headers :
       {Rig::Headers{},
        {{"workload.spiffe.io", "false"}},
        {{"workload.spiffe.io", "True"}},
        {{"workload.spiffe.io", "true"}, {"workload.spiffe.io", "true"}}}) {
    for (const char* method : {"FetchX509SVID", "FetchX509Bundles", "FetchJWTSVID",
                               "FetchJWTBundles", "ValidateJWTSVID", "FetchWITSVID"}) {
      const auto call = rig.call(method, "", headers);
      EXPECT_EQ(call->code(), Code::kInvalidArgument) << method;
      EXPECT_EQ(call->words(), "security header missing from request");
    }
  }
  EXPECT_EQ(rig.call("/grpc.health.v1.Health/Check", "", {})->code(), Code::kOk);
}

TEST(WorkloadApi, Rule46NoIdentityIsPermissionDeniedAndNotReadyIsUnavailable) {
  Rig rig;
  rig.server.add(entry("1", "/other", {"unix:uid:7"}));
  rig.start();
  for (const char* method : {"FetchX509SVID", "FetchX509Bundles", "FetchJWTBundles"}) {
    const auto call = rig.call(method);
    EXPECT_EQ(call->code(), Code::kPermissionDenied) << method;
    EXPECT_EQ(call->words(), "no identity issued");
  }
  EXPECT_EQ(rig.fetch_jwt({"a"})->code(), Code::kPermissionDenied);
  rig.host.advance(std::chrono::seconds(2));  // the attestation that is remembered grows old
  rig.host.selectors.reset();                 // the attestor fails from now on
  const auto call = rig.x509();
  EXPECT_EQ(call->code(), Code::kUnavailable);
  EXPECT_EQ(call->words(), "workload attestation failed");
}

TEST(WorkloadApi, Rule46OverloadedIsUnavailable) {
  Rig rig;
  rig.server.add(entry("1", "/me", {"unix:uid:0"}));
  rig.start();
  rig.host.no_worker = true;
  for (const auto& call : {rig.x509(), rig.call("FetchJWTBundles"), rig.fetch_jwt({"a"})}) {
    EXPECT_EQ(call->code(), Code::kUnavailable);
    EXPECT_EQ(call->words(), "the agent is overloaded");
  }
  rig.host.no_worker = false;
  EXPECT_EQ(rig.x509()->count(), 1u);
}

TEST(WorkloadApi, Rule47OffersTheStandardsMethodsOnlyAndReflection) {
  Rig rig;
  rig.start();
  std::set<std::string> own;
  for (const std::string& method : rig.rpc.methods()) {
    if (method.starts_with("/SpiffeWorkloadAPI/")) own.insert(method.substr(19));
  }
  EXPECT_EQ(own, (std::set<std::string>{"FetchX509SVID", "FetchX509Bundles", "FetchJWTSVID",
                                        "FetchJWTBundles", "ValidateJWTSVID", "FetchWITSVID",
                                        "FetchWITBundles"}));
  EXPECT_TRUE(rig.rpc.has("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"));
}

TEST(WorkloadApi, Rule48AnswersTheProfileItLacksWithUnimplemented) {
  Rig rig;
  rig.server.add(entry("1", "/me", {"unix:uid:0"}));
  rig.start();
  for (const char* method : {"FetchWITSVID", "FetchWITBundles"}) {
    EXPECT_EQ(rig.call(method)->code(), Code::kUnimplemented);
  }
}

TEST(WorkloadApi, Rule48MayBeDisabledAsAWhole) {
  Rig rig({}, false, true);
  rig.start();
  EXPECT_FALSE(rig.rpc.has("/SpiffeWorkloadAPI/FetchX509SVID"));
  EXPECT_TRUE(rig.rpc.has("/grpc.health.v1.Health/Check"));
}

TEST(WorkloadApi, Rule49EveryMessageIsTheCompleteState) {
  Rig rig;
  rig.server.add(entry("1", "/one", {"unix:uid:0"}));
  rig.server.add(entry("2", "/two", {"unix:uid:0"}));
  rig.start();
  const auto call = rig.x509();
  EXPECT_EQ(call->message<Response>(0).svids_size(), 2);
  rig.server.entries.erase("1");
  rig.tick();
  const auto last = call->last<Response>();
  ASSERT_EQ(last.svids_size(), 1);
  EXPECT_EQ(last.svids(0).spiffe_id(), "spiffe://example.org/two");
  EXPECT_FALSE(call->over());
}

TEST(WorkloadApi, Rule50TheFirstMessageComesAtOnce) {
  Rig rig;
  rig.server.add(entry("1", "/me", {"unix:uid:0"}))
      .mutable_additional_attributes()
      ->set_disable_x509_svid_prefetch(true);
  rig.start();
  EXPECT_EQ(rig.store->counts().x509_svids, 0u);
  // No time passes: the SVID is made for the caller, not with the next round.
  const auto call = rig.x509();
  ASSERT_EQ(call->count(), 1u);
  EXPECT_EQ(call->message<Response>(0).svids_size(), 1);
  for (const char* method : {"FetchX509Bundles", "FetchJWTBundles"}) {
    EXPECT_EQ(rig.call(method)->count(), 1u);
  }
}

TEST(WorkloadApi, Rule51SendsAnUpdateWhenAnSvidRotatesOrABundleChanges) {
  Rig rig;
  rig.server.x509_ttl = std::chrono::seconds(60);
  rig.server.add(entry("1", "/me", {"unix:uid:0"})).add_federates_with("other.org");
  rig.server.federate("other.org");
  rig.start();
  const auto svids = rig.x509();
  const auto bundles = rig.call("FetchX509Bundles");
  const auto first = svids->message<Response>(0);
  EXPECT_EQ(first.federated_bundles().size(), 1u);
  rig.host.advance(std::chrono::seconds(40));
  ASSERT_GE(svids->count(), 2u);
  const auto rotated = svids->last<Response>();
  EXPECT_NE(rotated.svids(0).x509_svid(), first.svids(0).x509_svid());
  EXPECT_NE(rotated.svids(0).x509_svid_key(), first.svids(0).x509_svid_key());
  EXPECT_EQ(bundles->count(), 1u);   // a rotation is no change of bundles
  rig.server.federate("other.org");  // one more authority
  rig.tick();
  EXPECT_EQ(bundles->count(), 2u);
  const auto newest = svids->last<Response>();
  EXPECT_NE(newest.federated_bundles().at("spiffe://other.org"),
            first.federated_bundles().at("spiffe://other.org"));
}

TEST(WorkloadApi, Rule52SvidsAreWholeAndTheDefaultComesFirst) {
  Rig rig;
  rig.server.add(entry("b", "/second", {"unix:uid:0"}));
  rig.server.add(entry("a", "/first", {"unix:uid:0"}));
  rig.start();
  const auto call = rig.x509();
  const auto response = call->message<Response>(0);
  ASSERT_EQ(response.svids_size(), 2);
  EXPECT_EQ(response.svids(0).spiffe_id(), "spiffe://example.org/first");  // lowest entry ID
  for (const auto& svid : response.svids()) {
    const auto parsed = x509::parse_svid(crypto::as_bytes(svid.x509_svid()),
                                         crypto::as_bytes(svid.x509_svid_key()));
    ASSERT_TRUE(parsed.ok()) << parsed.status().message();
    const auto roots =
        x509::Certificate::parse_concatenated(crypto::as_bytes(svid.bundle())).value();
    EXPECT_TRUE(x509::verify_svid(parsed->chain, domain(), x509::RootPool(roots),
                                  {x509::from_unix(rig.host.unix_seconds())})
                    .ok());
  }
}

TEST(WorkloadApi, Rule53HintsAreUniqueWithinAResponse) {
  Rig rig;
  const auto hinted = [&](const char* id, const char* path, const char* hint, int created) {
    types::Entry& e = rig.server.add(entry(id, path, {"unix:uid:0"}));
    e.set_hint(hint);
    e.set_created_at(created);
  };
  hinted("1", "/newer", "db", 20);
  hinted("2", "/older", "db", 10);
  hinted("3", "/none-a", "", 1);
  hinted("4", "/none-b", "", 2);
  rig.start();
  const auto call = rig.x509();
  std::vector<std::string> ids;
  const auto response = call->message<Response>(0);
  for (const auto& svid : response.svids()) ids.push_back(svid.spiffe_id());
  EXPECT_EQ(ids,
            (std::vector<std::string>{"spiffe://example.org/older", "spiffe://example.org/none-a",
                                      "spiffe://example.org/none-b"}));
  EXPECT_EQ(rig.fetch_jwt({"a"})->message<::JWTSVIDResponse>(0).svids_size(), 3);
  // The filter runs before the choice by ID, so a hidden entry cannot be asked for.
  EXPECT_EQ(rig.fetch_jwt({"a"}, "spiffe://example.org/newer")->code(), Code::kPermissionDenied);
}

TEST(WorkloadApi, Rule53HintsHaveAtMost1024Bytes) {
  Rig rig;
  rig.server.add(entry("1", "/a", {"unix:uid:0"})).set_hint(std::string(1024, 'h'));
  rig.server.add(entry("2", "/b", {"unix:uid:0"})).set_hint(std::string(1025, 'h'));
  rig.start();
  const auto response = rig.x509()->message<Response>(0);
  std::vector<std::size_t> sizes;
  for (const auto& svid : response.svids()) sizes.push_back(svid.hint().size());
  std::sort(sizes.begin(), sizes.end());
  EXPECT_EQ(sizes, (std::vector<std::size_t>{0, 1024})) << "its identity is given without it";
}

TEST(WorkloadApi, Rule54BundlesHoldAtLeastOurOwnTrustDomain) {
  Rig rig;
  rig.server.add(entry("1", "/me", {"unix:uid:0"})).add_federates_with("unknown.org");
  rig.start();
  const auto x509 = rig.call("FetchX509Bundles");
  EXPECT_EQ(x509->message<::X509BundlesResponse>(0).bundles().count("spiffe://example.org"), 1u);
  EXPECT_EQ(x509->message<::X509BundlesResponse>(0).bundles().size(), 1u);  // the other: unknown
  const auto jwt = rig.call("FetchJWTBundles");
  EXPECT_EQ(jwt->message<::JWTBundlesResponse>(0).bundles().count("spiffe://example.org"), 1u);
}

TEST(WorkloadApi, Rule54UnauthenticatedVerifiersGetOurOwnBundleWhenAllowed) {
  Rig rig({}, true);
  rig.server.add(entry("1", "/other", {"unix:uid:7"})).add_federates_with("other.org");
  rig.server.federate("other.org");
  rig.start();
  const auto call = rig.call("FetchX509Bundles");
  EXPECT_FALSE(call->over());
  EXPECT_EQ(call->message<::X509BundlesResponse>(0).bundles().size(), 1u);
  EXPECT_EQ(rig.x509()->code(), Code::kPermissionDenied);
}

TEST(WorkloadApi, Rule55JwtBundlesHoldJwtKeysOnly) {
  Rig rig;
  rig.server.add(entry("1", "/me", {"unix:uid:0"}));
  rig.start();
  const auto call = rig.call("FetchJWTBundles");
  const auto response = call->message<::JWTBundlesResponse>(0);
  const auto set = nlohmann::json::parse(response.bundles().at("spiffe://example.org"));
  ASSERT_EQ(set.at("keys").size(), 1u);
  EXPECT_EQ(set["keys"][0].at("kid"), "kid-1");
  EXPECT_FALSE(set["keys"][0].contains("x5c"));
  EXPECT_FALSE(set["keys"][0].contains("use"));
}

TEST(WorkloadApi, Rule55X509AuthoritiesVouchForNoToken) {
  Rig rig;
  rig.server.add(entry("1", "/me", {"unix:uid:0"}));
  rig.start();
  const std::string id = "spiffe://example.org/me";
  ASSERT_EQ(rig.validate("a", rig.server.token(id, {"a"}))->code(), Code::kOk);
  const std::string ski = crypto::hex_encode(rig.server.x509_authority().subject_key_id());
  for (const std::string& key_id : {std::string("kid-1"), ski, std::string()}) {
    const auto call = rig.validate("a", rig.server.token_by_x509_authority(key_id, id, {"a"}));
    EXPECT_EQ(call->code(), Code::kInvalidArgument) << key_id;
  }
}

TEST(WorkloadApi, Rule56FetchJwtSvidAnswersAllIdentitiesOrTheOneAskedFor) {
  Rig rig;
  rig.server.add(entry("1", "/one", {"unix:uid:0"}));
  rig.server.add(entry("2", "/two", {"unix:uid:0"}));
  rig.server.add(entry("3", "/other", {"unix:uid:7"}));
  rig.start();
  const auto all = rig.fetch_jwt({"a", "b"});
  ASSERT_EQ(all->code(), Code::kOk) << all->words();
  EXPECT_EQ(all->message<::JWTSVIDResponse>(0).svids_size(), 2);
  const auto one = rig.fetch_jwt({"a"}, "spiffe://example.org/two");
  ASSERT_EQ(one->message<::JWTSVIDResponse>(0).svids_size(), 1);
  EXPECT_EQ(one->message<::JWTSVIDResponse>(0).svids(0).spiffe_id(), "spiffe://example.org/two");
  EXPECT_EQ(rig.fetch_jwt({"a"}, "spiffe://example.org/other")->code(), Code::kPermissionDenied);
}

TEST(WorkloadApi, Rule57AMandatoryFieldLeftOutIsInvalidArgument) {
  Rig rig;
  rig.server.add(entry("1", "/me", {"unix:uid:0"}));
  rig.start();
  EXPECT_EQ(rig.fetch_jwt({})->code(), Code::kInvalidArgument);
  EXPECT_EQ(rig.fetch_jwt({})->words(), "audience must be specified");
  EXPECT_EQ(rig.validate("", "x")->words(), "audience must be specified");
  EXPECT_EQ(rig.validate("x", "")->words(), "svid must be specified");
  EXPECT_EQ(rig.validate("x", "")->code(), Code::kInvalidArgument);
  const auto bad = rig.fetch_jwt({"a"}, "spiffe://");
  EXPECT_EQ(bad->code(), Code::kInvalidArgument);
  EXPECT_TRUE(bad->words().starts_with("invalid requested SPIFFE ID: ")) << bad->words();
}

TEST(WorkloadApi, Rule58AnIdentityThatDisappearsEndsTheStream) {
  Rig rig;
  rig.server.add(entry("1", "/me", {"unix:uid:0"}));
  rig.start();
  const auto svids = rig.x509();
  const auto bundles = rig.call("FetchX509Bundles");
  rig.server.entries.clear();
  rig.tick();
  for (auto* call : {svids.get(), bundles.get()}) {
    EXPECT_TRUE(call->over());
    EXPECT_EQ(call->code(), Code::kPermissionDenied);
    EXPECT_EQ(call->words(), "no identity issued");
  }
}

TEST(WorkloadApi, Rule33ValidateJwtSvidAnswersTheClaims) {
  Rig rig;
  rig.server.add(entry("1", "/me", {"unix:uid:0"}));
  rig.start();
  const auto fetched = rig.fetch_jwt({"a"});
  const std::string token = fetched->message<::JWTSVIDResponse>(0).svids(0).svid();
  const auto call = rig.validate("a", token);
  ASSERT_EQ(call->code(), Code::kOk) << call->words();
  const auto response = call->message<::ValidateJWTSVIDResponse>(0);
  EXPECT_EQ(response.spiffe_id(), "spiffe://example.org/me");
  for (const char* claim : {"sub", "aud", "exp"}) {
    EXPECT_EQ(response.claims().fields().count(claim), 1u) << claim;
  }
  EXPECT_EQ(rig.validate("other", token)->code(), Code::kInvalidArgument);
  rig.host.selectors = std::vector<std::string>{};  // a caller without any identity may validate
  rig.host.advance(std::chrono::seconds(2));
  EXPECT_EQ(rig.validate("a", token)->code(), Code::kOk);
}

TEST(WorkloadApi, AnExpiredSvidIsNotSent) {
  Rig rig;
  rig.server.x509_ttl = std::chrono::seconds(60);
  rig.server.add(entry("1", "/me", {"unix:uid:0"}));
  rig.start();
  const auto open = rig.x509();
  EXPECT_EQ(open->count(), 1u);
  rig.server.failure = Status::unavailable("the server is away");
  rig.host.advance(std::chrono::seconds(61));
  EXPECT_FALSE(open->over());
  EXPECT_EQ(open->count(), 1u);
  EXPECT_EQ(rig.x509()->code(), Code::kUnavailable);
}

TEST(WorkloadApi, AStreamIsToldThatTheAgentStops) {
  Rig rig;
  rig.server.add(entry("1", "/me", {"unix:uid:0"}));
  rig.start();
  const auto call = rig.x509();
  rig.endpoint->stop(std::chrono::seconds(1));
  rig.rpc.run();
  EXPECT_EQ(call->code(), Code::kUnavailable);
}

}  // namespace
}  // namespace signet::agent::test
