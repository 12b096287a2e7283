// The Delegated Identity API: who may call, for whom, and what is sent when.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include "child.h"
#include "delegation.h"

namespace signet::agent::test {
namespace {

using std::chrono::seconds;

using Paths = std::vector<std::string>;
const std::vector<std::string> kNobody;

// ---- who may call

TEST(DelegatedService, ServesNobodyWhoIsNotADelegate) {
  Delegation rig({"spiffe://example.org/other"});
  rig.start();
  for (const auto& call : {rig.svids({"k8s:ns:shop"}), rig.tokens({"k8s:ns:shop"}),
                           rig.bundles(kX509Bundles), rig.bundles(kJwtBundles)}) {
    EXPECT_EQ(call->code(), Code::kPermissionDenied);
    EXPECT_EQ(call->words(), "caller not configured as an authorized delegate");
    EXPECT_EQ(call->count(), 0u);
  }
}

TEST(DelegatedService, ServesNobodyWithoutAnIdentityAndNobodyUnknown) {
  Delegation rig;
  rig.start();
  rig.host.selectors = std::vector<std::string>{"uid:7"};
  EXPECT_EQ(rig.svids({"k8s:ns:shop"})->words(), "no identity issued");
  rig.host.advance(seconds(2));  // nothing is remembered
  rig.host.selectors.reset();
  const auto call = rig.svids({"k8s:ns:shop"});
  EXPECT_EQ(call->code(), Code::kUnavailable);
  EXPECT_EQ(call->words(), "workload attestation failed");
}

TEST(DelegatedService, RefusesNobodyForGoodBeforeTheFirstSync) {
  Delegation rig(kNobody);
  rig.start();
  rig.ready = false;
  EXPECT_EQ(rig.svids({"k8s:ns:shop"})->code(), Code::kUnavailable);
  rig.ready = true;
  EXPECT_EQ(rig.svids({"k8s:ns:shop"})->code(), Code::kPermissionDenied);
}

TEST(DelegatedService, ADelegateThatLosesItsEntryLosesItsStreams) {
  Delegation rig;
  rig.server.add(entry("1", "/shop", {"k8s:ns:shop"}));
  rig.start();
  const auto svids = rig.svids({"k8s:ns:shop"});
  const auto bundles = rig.bundles(kX509Bundles);
  EXPECT_EQ(rig.paths(*svids), Paths{"/shop"});
  rig.server.entries.erase("0");
  rig.tick();
  for (const auto* call : {svids.get(), bundles.get()}) {
    EXPECT_EQ(call->code(), Code::kPermissionDenied);
    EXPECT_EQ(call->words(), "no identity issued");
    EXPECT_EQ(call->count(), 1u);
  }
}

TEST(DelegatedService, ADelegateThatBecomesSomebodyElseIsSentNothingMore) {
  Delegation rig;
  rig.server.add(entry("1", "/shop", {"k8s:ns:shop"}));
  rig.start();
  const auto call = rig.svids({"k8s:ns:shop"});
  rig.server.entries.at("0").mutable_spiffe_id()->set_path("/somebody");
  rig.server.entries.at("0").set_revision_number(1);
  rig.server.add(entry("2", "/new", {"k8s:ns:shop"}));
  rig.tick();
  EXPECT_EQ(call->words(), "caller not configured as an authorized delegate");
  EXPECT_EQ(call->count(), 1u);
}

// ---- for whom

TEST(DelegatedService, WantsSelectorsOrAProcessAndNotBoth) {
  Delegation rig;
  rig.start();
  auto both = rig.of<api::SubscribeToX509SVIDsRequest>({"k8s:ns:shop"});
  both.set_pid(1);
  for (const auto& call : {rig.ask(kSvids, both), rig.svids({}), rig.tokens({})}) {
    EXPECT_EQ(call->code(), Code::kInvalidArgument);
    EXPECT_EQ(call->words(), "must provide either selectors or non-zero PID, but not both");
  }
}

TEST(DelegatedService, AnAudienceIsLookedForBeforeTheCaller) {
  Delegation rig(kNobody);
  rig.start();
  const auto call = rig.ask(kJwts, api::FetchJWTSVIDsRequest());
  EXPECT_EQ(call->code(), Code::kInvalidArgument);
  EXPECT_EQ(call->words(), "audience must be specified");
}

TEST(DelegatedService, RefusesSelectorsThatAreNone) {
  Delegation rig;
  rig.start();
  for (const auto& [type, value] : {std::pair("", "a"), {"unix", ""}, {"un:ix", "a"}, {"", ""}}) {
    api::SubscribeToX509SVIDsRequest request;
    request.add_selectors()->set_type(type);
    request.mutable_selectors(0)->set_value(value);
    const auto call = rig.ask(kSvids, request);
    EXPECT_EQ(call->code(), Code::kInvalidArgument) << type;
    EXPECT_EQ(call->words(), "could not parse provided selectors");
  }
}

TEST(DelegatedService, TakesSoManySelectorsAndNoMore) {
  Delegation rig;
  rig.start();
  std::vector<std::string> many;
  for (int i = 0; i < 1024; ++i) many.push_back("a:" + std::to_string(i));
  EXPECT_FALSE(rig.svids(many)->over());
  many.emplace_back("a:one-more");
  EXPECT_EQ(rig.svids(many)->code(), Code::kResourceExhausted);
  EXPECT_EQ(rig.svids({"a:" + std::string(128 * 1024, 'x')})->code(), Code::kResourceExhausted);
}

TEST(DelegatedService, AttestsTheProcessThatIsNamed) {
  Delegation rig;
  rig.start();
  Child child;
  const auto call = rig.svids_of(child.pid());
  EXPECT_EQ(rig.paths(*call), Paths{"/delegate"});  // the attestor says the same of everybody
  rig.host.selectors.reset();
  const auto failed = rig.svids_of(child.pid());
  EXPECT_EQ(failed->code(), Code::kUnavailable);
  EXPECT_EQ(failed->words(), "workload attestation failed");
}

TEST(DelegatedService, AProcessThatIsNotThereHasNoIdentity) {
  Delegation rig;
  rig.start();
  Child child;
  child.end();
  for (const std::int32_t pid : {static_cast<std::int32_t>(child.pid()), -5}) {
    const auto call = rig.svids_of(pid);
    EXPECT_EQ(call->code(), Code::kUnavailable);
    EXPECT_EQ(call->words(), "workload attestation failed");
  }
}

TEST(DelegatedService, NothingIsSentForAProcessThatHasGone) {
  Delegation rig;
  rig.start();
  Child child;
  const auto call = rig.svids_of(child.pid());
  EXPECT_EQ(call->count(), 1u);
  child.end();
  rig.server.add(entry("1", "/another", {"unix:uid:0"}));
  rig.tick();
  EXPECT_EQ(call->count(), 1u);
  EXPECT_EQ(call->code(), Code::kUnavailable);
}

TEST(DelegatedService, LooksAfterSoManyProcessesAndNoMore) {
  rlimit files{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &files), 0);
  if (files.rlim_max < 4096) GTEST_SKIP() << "two descriptors for each of 1,024 processes";
  files.rlim_cur = files.rlim_max;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &files), 0);
  Delegation rig;
  rig.start();
  std::vector<Rig::CallPtr> calls;
  for (int i = 0; i < 1024; ++i) calls.push_back(rig.svids_of(getpid()));
  EXPECT_EQ(calls.back()->count(), 1u);
  EXPECT_EQ(rig.svids_of(getpid())->code(), Code::kResourceExhausted);
  calls.pop_back();
  rig.host.run();
  EXPECT_EQ(rig.svids_of(getpid())->count(), 1u);
}

// ---- what is sent

TEST(DelegatedService, AnSvidComesWithItsKeyAndWhatItFederatesWith) {
  Delegation rig;
  for (const char* name : {"b.org", "a.org"}) rig.server.federate(name);
  types::Entry& shop = rig.server.add(entry("1", "/shop", {"k8s:ns:shop"}));
  shop.set_hint("web");
  for (const char* name : {"b.org", "a.org", "unknown.org"}) shop.add_federates_with(name);
  rig.server.add(entry("2", "/twin", {"k8s:ns:shop"})).set_hint("web");
  rig.server.add(entry("3", "/else", {"k8s:ns:else"}));
  rig.start();
  const auto call = rig.svids({"k8s:sa:x", "k8s:ns:shop", "k8s:ns:shop"});
  ASSERT_EQ(call->count(), 1u);
  const auto sent = call->last<api::SubscribeToX509SVIDsResponse>();
  // Hints are not made unique here.
  ASSERT_EQ(rig.paths(*call), (Paths{"/shop", "/twin"}));
  EXPECT_EQ(sent.federates_with_size(), 2);
  EXPECT_EQ(sent.federates_with(0), "spiffe://a.org");
  EXPECT_EQ(sent.federates_with(1), "spiffe://b.org");
  const auto& svid = sent.x509_svids(0).x509_svid();
  EXPECT_EQ(svid.id().trust_domain(), "example.org");
  EXPECT_EQ(svid.hint(), "web");
  ASSERT_EQ(svid.cert_chain_size(), 1);
  const auto leaf = x509::Certificate::parse(crypto::as_bytes(svid.cert_chain(0)));
  ASSERT_TRUE(leaf.ok());
  EXPECT_EQ(svid.expires_at(), x509::to_unix(leaf->not_after()));
  const auto key =
      crypto::PrivateKey::from_pkcs8_der(crypto::as_bytes(sent.x509_svids(0).x509_svid_key()));
  ASSERT_TRUE(key.ok());
  EXPECT_EQ(key->public_key(), leaf->public_key().value());
}

TEST(DelegatedService, AdminAndDownstreamEntriesAreTheServersBusiness) {
  Delegation rig;
  rig.server.add(entry("1", "/admin", {"k8s:ns:shop"})).set_admin(true);
  rig.server.add(entry("2", "/downstream", {"k8s:ns:shop"})).set_downstream(true);
  rig.start();
  const auto call = rig.svids({"k8s:ns:shop"});
  EXPECT_EQ(call->count(), 1u);
  EXPECT_EQ(rig.paths(*call), Paths{});
  EXPECT_EQ(rig.tokens({"k8s:ns:shop"})->words(), "no identity issued");
  rig.server.add(entry("3", "/plain", {"k8s:ns:shop"}));
  rig.tick();
  EXPECT_EQ(rig.paths(*call), Paths{"/plain"});
  EXPECT_EQ(rig.tokens({"k8s:ns:shop"})->last<api::FetchJWTSVIDsResponse>().svids_size(), 1);
}

TEST(DelegatedService, NoIdentityIsAnEmptyMessageAndTheStreamGoesOn) {
  Delegation rig;
  rig.start();
  const auto call = rig.svids({"k8s:ns:shop"});
  EXPECT_EQ(call->count(), 1u);  // at once: nobody is held
  EXPECT_EQ(rig.paths(*call), Paths{});
  rig.server.add(entry("1", "/shop", {"k8s:ns:shop"}));
  rig.tick();
  EXPECT_EQ(rig.paths(*call), Paths{"/shop"});
  rig.server.entries.erase("1");
  rig.tick();
  EXPECT_EQ(rig.paths(*call), Paths{});
  EXPECT_FALSE(call->over());
}

TEST(DelegatedService, TheFirstMessageWaitsForEveryIdentity) {
  Delegation rig;
  rig.server.add(entry("1", "/one", {"k8s:ns:shop"}));
  rig.server.add(entry("2", "/two", {"k8s:ns:shop"}));
  rig.server.refuse = {"2"};
  rig.start();
  const auto call = rig.svids({"k8s:ns:shop"});
  EXPECT_EQ(call->count(), 0u);
  rig.server.refuse.clear();
  rig.host.advance(std::chrono::minutes(1));
  EXPECT_EQ(rig.paths(*call), (Paths{"/one", "/two"}));
}

TEST(DelegatedService, NothingExpiredIsSent) {
  Delegation rig;
  rig.server.add(entry("1", "/shop", {"k8s:ns:shop"}));
  rig.start();
  const auto open = rig.svids({"k8s:ns:shop"});
  EXPECT_EQ(open->count(), 1u);
  rig.server.failure = Status::unavailable("away");
  rig.host.advance(std::chrono::hours(2));
  EXPECT_FALSE(open->over());
  EXPECT_EQ(open->count(), 1u);
  EXPECT_EQ(rig.svids({"k8s:ns:shop"})->code(), Code::kUnavailable);
}

TEST(DelegatedService, AllBundlesThatThereAreAndNoOthers) {
  Delegation rig;
  rig.server.federate("a.org");
  rig.server.add(entry("1", "/shop", {"k8s:ns:shop"})).add_federates_with("a.org");
  rig.start();
  const auto x509 = rig.bundles(kX509Bundles);
  const auto jwt = rig.bundles(kJwtBundles);
  const auto domains = [](const auto& map) {
    std::set<std::string> out;
    for (const auto& [name, bytes] : map) {
      EXPECT_FALSE(bytes.empty());
      out.insert(name);
    }
    return out;
  };
  const auto both = std::set<std::string>{"spiffe://example.org", "spiffe://a.org"};
  EXPECT_EQ(domains(x509->last<api::SubscribeToX509BundlesResponse>().ca_certificates()), both);
  EXPECT_EQ(domains(jwt->last<api::SubscribeToJWTBundlesResponse>().bundles()), both);
  EXPECT_EQ(x509->count(), 1u);
  // One that nobody federates with any longer is gone.
  rig.server.add(entry("1", "/shop", {"k8s:ns:shop"})).set_revision_number(1);
  rig.tick();
  const auto own = std::set<std::string>{"spiffe://example.org"};
  EXPECT_EQ(domains(x509->last<api::SubscribeToX509BundlesResponse>().ca_certificates()), own);
  EXPECT_EQ(domains(jwt->last<api::SubscribeToJWTBundlesResponse>().bundles()), own);
  rig.server.rotate_with_taint();
  rig.tick();
  EXPECT_EQ(x509->count(), 3u);
}

TEST(DelegatedService, TokensForEveryEntry) {
  Delegation rig;
  rig.server.add(entry("1", "/shop", {"k8s:ns:shop"})).set_hint("web");
  rig.server.add(entry("2", "/twin", {"k8s:ns:shop"})).set_hint("web");
  rig.start();
  const auto call = rig.tokens({"k8s:ns:shop"});
  ASSERT_EQ(call->code(), Code::kOk) << call->words();
  const auto sent = call->last<api::FetchJWTSVIDsResponse>();
  ASSERT_EQ(sent.svids_size(), 2);
  EXPECT_EQ(sent.svids(0).id().path(), "/shop");
  EXPECT_EQ(sent.svids(0).hint(), "web");
  EXPECT_EQ(sent.svids(0).expires_at() - sent.svids(0).issued_at(), 300);
  EXPECT_NE(sent.svids(0).token(), sent.svids(1).token());
  EXPECT_EQ(rig.tokens({"k8s:ns:else"})->words(), "no identity issued");
  rig.server.failure = Status::unavailable("away");
  rig.jwt->clear();
  const auto failed = rig.tokens({"k8s:ns:shop"});
  EXPECT_EQ(failed->code(), Code::kUnavailable);
  EXPECT_TRUE(failed->words().starts_with("could not fetch JWT-SVID: "));
}

TEST(DelegatedService, AReaderThatLagsGetsTheLatestState) {
  Delegation rig;
  rig.start();
  const auto call = rig.svids({"k8s:ns:shop"});
  call->stop_reading();
  for (const char* id : {"1", "2"}) {
    rig.server.add(entry(id, std::string("/") + id, {"k8s:ns:shop"}));
    rig.tick();
  }
  EXPECT_EQ(call->count(), 1u);
  call->read_on();
  EXPECT_EQ(rig.paths(*call), (Paths{"/1", "/2"}));
  EXPECT_EQ(call->count(), 2u);
}

TEST(DelegatedService, ADrainEndsTheStreams) {
  Delegation rig;
  rig.start();
  const auto svids = rig.svids({"k8s:ns:shop"});
  const auto bundles = rig.bundles(kJwtBundles);
  rig.admin->stop(seconds(10));
  rig.host.run();
  EXPECT_EQ(svids->code(), Code::kUnavailable);
  EXPECT_EQ(bundles->code(), Code::kUnavailable);
}

}  // namespace
}  // namespace signet::agent::test
