// What the Workload API's streams send, and when: beyond the standard's rules, what clients of the
// peer's agent rely on.
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "rig.h"

namespace signet::agent::test {
namespace {

using Response = ::X509SVIDResponse;
using std::chrono::seconds;

// ---- what a message holds

TEST(WorkloadStream, AChainIsLeafThenIntermediatesAndNoRoot) {
  Rig rig;
  rig.server.intermediate =
      crypto::to_string(Authority::make("example.org", rig.host.unix_seconds()).certificate.der());
  rig.server.add(entry("1", "/me", {"unix:uid:0"}));
  rig.start();
  const auto response = rig.x509()->last<Response>();
  const auto& svid = response.svids(0);
  EXPECT_TRUE(svid.x509_svid().ends_with(rig.server.intermediate));
  EXPECT_EQ(x509::Certificate::parse_concatenated(crypto::as_bytes(svid.x509_svid()))->size(), 2u);
}

TEST(WorkloadStream, EveryIdentityCarriesTheWholeOwnBundleAndNoCrlIsSent) {
  Rig rig;
  rig.server.add(entry("1", "/one", {"unix:uid:0"}));
  rig.server.add(entry("2", "/two", {"unix:uid:0"}));
  rig.server.rotate_with_taint();  // two authorities; the tainted one stays until the server
  rig.start();                     // takes it away
  const auto response = rig.x509()->last<Response>();
  ASSERT_EQ(response.svids_size(), 2);
  EXPECT_EQ(response.svids(0).bundle(), response.svids(1).bundle());
  EXPECT_EQ(
      x509::Certificate::parse_concatenated(crypto::as_bytes(response.svids(0).bundle()))->size(),
      2u);
  EXPECT_EQ(response.crl_size(), 0);
}

TEST(WorkloadStream, FederatedBundlesOfHiddenHintsAreSentToo) {
  Rig rig;
  for (const char* name : {"a.org", "b.org"}) rig.server.federate(name);
  types::Entry& older = rig.server.add(entry("1", "/older", {"unix:uid:0"}));
  older.set_hint("db");
  older.add_federates_with("a.org");
  types::Entry& newer = rig.server.add(entry("2", "/newer", {"unix:uid:0"}));
  newer.set_hint("db");
  newer.set_created_at(2000);
  newer.add_federates_with("b.org");
  rig.start();
  const auto response = rig.x509()->last<Response>();
  EXPECT_EQ(response.svids_size(), 1);
  EXPECT_EQ(response.federated_bundles().count("spiffe://a.org"), 1u);
  EXPECT_EQ(response.federated_bundles().count("spiffe://b.org"), 1u);
}

TEST(WorkloadStream, OfEqualHintsAndTimesTheSmallerEntryIdWins) {
  Rig rig;
  for (const char* id : {"b", "a"}) {
    rig.server.add(entry(id, std::string("/") + id, {"unix:uid:0"})).set_hint("db");
  }
  rig.start();
  const auto response = rig.x509()->last<Response>();
  ASSERT_EQ(response.svids_size(), 1);
  EXPECT_EQ(response.svids(0).spiffe_id(), "spiffe://example.org/a");
}

TEST(WorkloadStream, JwtBundlesAreBareKeySetsInAFixedOrder) {
  Rig rig;
  rig.server.add(entry("1", "/me", {"unix:uid:0"})).add_federates_with("other.org");
  rig.server.federate("other.org").clear_jwt_authorities();
  auto* second = rig.server.own.add_jwt_authorities();
  *second = rig.server.own.jwt_authorities(0);
  second->set_key_id("a-kid");
  second->set_expires_at(1);  // long past: the server says when a key goes, not its date
  second->set_tainted(true);
  rig.start();
  const auto response = rig.call("FetchJWTBundles")->last<::JWTBundlesResponse>();
  const std::string& text = response.bundles().at("spiffe://example.org");
  const auto set = nlohmann::json::parse(text);
  EXPECT_EQ(set.size(), 1u) << text;  // no spiffe_sequence, no spiffe_refresh_hint
  EXPECT_EQ(set.at("keys").size(), 2u);
  EXPECT_EQ(text.find("\n    \"keys\""), text.find('\n')) << text;  // indented by four
  EXPECT_EQ(nlohmann::json::parse(response.bundles().at("spiffe://other.org")),
            nlohmann::json::parse(R"({"keys":[]})"));
}

// ---- when it is sent

TEST(WorkloadStream, TheFirstMessageWaitsUntilEveryMatchingEntryHasItsSvid) {
  Rig rig;
  rig.server.add(entry("1", "/one", {"unix:uid:0"}));
  rig.server.add(entry("2", "/two", {"unix:uid:0"}));
  rig.server.refuse.insert("2");
  rig.start();
  const auto svids = rig.x509();
  const auto x509 = rig.call("FetchX509Bundles");
  const auto jwt = rig.call("FetchJWTBundles");
  for (const auto* call : {svids.get(), x509.get(), jwt.get()}) {
    EXPECT_EQ(call->count(), 0u);
    EXPECT_FALSE(call->over());
  }
  rig.server.refuse.clear();
  rig.host.advance(std::chrono::minutes(1));
  EXPECT_EQ(svids->last<Response>().svids_size(), 2);
  EXPECT_EQ(x509->count(), 1u);
  EXPECT_EQ(jwt->count(), 1u);
}

TEST(WorkloadStream, AnEditOfAMatchingEntryIsSent) {
  Rig rig;
  rig.server.federate("other.org");
  types::Entry& e = rig.server.add(entry("1", "/me", {"unix:uid:0"}));
  rig.start();
  const auto call = rig.x509();
  const auto bundles = rig.call("FetchX509Bundles");
  e.add_federates_with("other.org");
  e.set_revision_number(1);
  rig.tick();
  EXPECT_EQ(call->last<Response>().federated_bundles().size(), 1u);
  EXPECT_EQ(bundles->last<::X509BundlesResponse>().bundles().size(), 2u);
  e.mutable_selectors(0)->set_value("uid:7");
  e.set_revision_number(2);
  rig.tick();
  EXPECT_EQ(call->code(), Code::kPermissionDenied);
  EXPECT_EQ(call->words(), "no identity issued");
  EXPECT_EQ(bundles->code(), Code::kPermissionDenied);
}

TEST(WorkloadStream, ANewAuthorityIsSentToEverybody) {
  Rig rig({}, true);
  rig.server.add(entry("1", "/me", {"unix:uid:0"}));
  rig.start();
  const auto svids = rig.x509();
  const auto bundles = rig.call("FetchX509Bundles");
  rig.host.advance(seconds(2));
  rig.host.selectors = std::vector<std::string>{"uid:7"};
  const auto verifier = rig.call("FetchX509Bundles");  // without an identity
  const std::size_t before = svids->count();
  *rig.server.own.add_x509_authorities() = rig.server.own.x509_authorities(0);
  rig.server.own.mutable_x509_authorities(1)->set_asn1(
      crypto::to_string(Authority::make("example.org", rig.host.unix_seconds()).certificate.der()));
  rig.tick();
  EXPECT_GT(svids->count(), before);
  EXPECT_EQ(bundles->count(), 2u);
  EXPECT_EQ(verifier->count(), 2u);
}

TEST(WorkloadStream, AReaderThatLagsGetsTheLatestStateAlone) {
  Rig rig;
  types::Entry& e = rig.server.add(entry("1", "/me", {"unix:uid:0"}));
  rig.start();
  const auto call = rig.x509();
  call->stop_reading();
  for (int i = 1; i <= 5; ++i) {
    e.set_hint("hint-" + std::to_string(i));
    e.set_revision_number(i);
    rig.tick();
  }
  EXPECT_EQ(call->count(), 1u);
  call->read_on();
  EXPECT_EQ(call->count(), 2u);
  EXPECT_EQ(call->last<Response>().svids(0).hint(), "hint-5");
}

TEST(WorkloadStream, IsNotAttestedAgainWhileItIsOpen) {
  Rig rig;
  rig.server.add(entry("1", "/me", {"unix:uid:0"}));
  rig.server.add(entry("2", "/other", {"unix:uid:7"}));
  rig.start();
  const auto call = rig.x509();
  rig.host.selectors = std::vector<std::string>{"uid:7"};
  rig.host.advance(seconds(10));
  rig.server.entries["1"].set_revision_number(1);
  rig.tick();
  EXPECT_FALSE(call->over());
  EXPECT_EQ(call->last<Response>().svids(0).spiffe_id(), "spiffe://example.org/me");
  EXPECT_EQ(rig.x509()->last<Response>().svids(0).spiffe_id(), "spiffe://example.org/other");
}

TEST(WorkloadStream, WithoutAnOwnBundleNothingIsSent) {
  Rig rig;
  rig.server.add(entry("1", "/me", {"unix:uid:0"}));
  rig.start();
  rig.store->set_bundles(nullptr, {});
  for (const char* method : {"FetchX509Bundles", "FetchJWTBundles"}) {
    const auto call = rig.call(method);
    EXPECT_EQ(call->code(), Code::kUnavailable);
    EXPECT_EQ(call->words(), "could not serialize response: bundle not available");
  }
}

TEST(WorkloadStream, TheAgentsEndIsNeverInvalidArgument) {
  // Clients of go-spiffe stop for good at INVALID_ARGUMENT and CANCELLED and try again at others.
  Rig rig;
  rig.server.add(entry("1", "/me", {"unix:uid:0"}));
  rig.start();
  std::vector<Rig::CallPtr> calls;
  for (const char* method : {"FetchX509SVID", "FetchX509Bundles", "FetchJWTBundles"})
    calls.push_back(rig.call(method));
  rig.endpoint->stop(seconds(1));
  rig.rpc.run();
  for (const auto& call : calls) EXPECT_EQ(call->code(), Code::kUnavailable);
}

}  // namespace
}  // namespace signet::agent::test
