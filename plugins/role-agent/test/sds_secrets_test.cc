// What an Envoy is given over SDS under which name, and in which form: FetchSecrets shows it.
#include <algorithm>

#include <gtest/gtest.h>

#include "crypto/pem.h"
#include "sds_client.h"
#include "x509/pem.h"

namespace signet::agent::test {
namespace {

Rig::CallPtr fetch(Rig& rig, const Request& request) {
  return rig.call(std::string(kSdsPrefix) + "FetchSecrets", request.SerializeAsString(), {});
}
Names fetched(Rig& rig, const Names& names) {
  const auto call = fetch(rig, sds_request(names));
  EXPECT_TRUE(call->over());
  EXPECT_EQ(call->code(), Code::kOk) << call->words();
  return names_in(call->last<Response>());
}
tls::Secret fetched_one(Rig& rig, const Request& request) {
  const auto call = fetch(rig, request);
  EXPECT_EQ(call->words(), "");
  const auto response = call->last<Response>();
  EXPECT_EQ(response.resources_size(), 1);
  return response.resources_size() == 1 ? secret_of(response.resources(0)) : tls::Secret();
}
std::string refused(Rig& rig, const Names& names) {
  const auto call = fetch(rig, sds_request(names));
  EXPECT_EQ(call->code(), Code::kInvalidArgument);
  EXPECT_EQ(call->count(), 0u);
  return call->words();
}
using TrustDomains = std::vector<std::pair<std::string, std::string>>;
TrustDomains validated(const tls::Secret& secret) {
  const auto& validator = secret.validation_context().custom_validator_config();
  EXPECT_EQ(validator.name(), "envoy.tls.cert_validator.spiffe");
  EXPECT_FALSE(secret.validation_context().has_trusted_ca());
  tls::SPIFFECertValidatorConfig config;
  EXPECT_TRUE(validator.typed_config().UnpackTo(&config));
  TrustDomains out;
  for (const auto& domain : config.trust_domains())
    out.emplace_back(domain.name(), domain.trust_bundle().inline_bytes());
  return out;
}
std::string own_pem(const Rig& rig) {
  return x509::write_pem(
      *x509::Certificate::parse_concatenated(crypto::as_bytes(rig.store->own_bundle()->x509_der)));
}

// Two identities, one of them federated with two trust domains.
struct SdsSecrets : ::testing::Test {
  explicit SdsSecrets(const std::function<void(AgentConfig&)>& configure = {}) : rig(configure) {
    for (const char* name : {"b.org", "a.org"}) rig.server.federate(name);
    types::Entry& first = rig.server.add(entry("1", "/web", {"unix:uid:0"}));
    first.add_federates_with("a.org");
    first.add_federates_with("b.org");
    rig.server.add(entry("2", "/api", {"unix:uid:0"}));
    rig.start();
  }
  Rig rig;
};

TEST_F(SdsSecrets, NamesMeanWhatTheyMeanInThePeer) {
  EXPECT_EQ(fetched(rig, {"default"}), Names{"default"});
  EXPECT_EQ(fetched(rig, {kTd + "/api"}), Names{kTd + "/api"});
  EXPECT_EQ(fetched(rig, {"ROOTCA"}), Names{"ROOTCA"});
  EXPECT_EQ(fetched(rig, {"ALL"}), Names{"ALL"});
  EXPECT_EQ(fetched(rig, {kTd}), Names{kTd});
  EXPECT_EQ(fetched(rig, {"spiffe://b.org"}), Names{"spiffe://b.org"});
  const Names all = {kTd, "spiffe://a.org", "spiffe://b.org", kTd + "/web", kTd + "/api"};
  EXPECT_EQ(fetched(rig, {}), all);
  EXPECT_EQ(fetched(rig, {"", ""}), all);
}

TEST_F(SdsSecrets, SeveralNamesForTheSameAreAllServed) {
  EXPECT_EQ(fetched(rig, {"ALL", "ROOTCA", kTd}), (Names{kTd, "ROOTCA", "ALL"}));
  EXPECT_EQ(fetched(rig, {"default", kTd + "/web"}), (Names{"default", kTd + "/web"}));
  EXPECT_EQ(fetched(rig, {"default", "default", "", "ROOTCA", "spiffe://a.org"}),
            (Names{"ROOTCA", "spiffe://a.org", "default"}));
}

TEST_F(SdsSecrets, ACertificateIsThePemChainAndThePkcs8Key) {
  const tls::Secret secret = fetched_one(rig, sds_request({"default"}));
  const auto& certificate = secret.tls_certificate();
  const auto chain = x509::read_pem_certificates(certificate.certificate_chain().inline_bytes());
  ASSERT_TRUE(chain.ok());
  const std::string key_pem = certificate.private_key().inline_bytes();
  EXPECT_TRUE(key_pem.starts_with("-----BEGIN PRIVATE KEY-----\n"));
  const auto key = crypto::PrivateKey::from_pem(key_pem);
  ASSERT_TRUE(key.ok());
  EXPECT_TRUE(std::ranges::equal(key->public_key().spki(), chain->front().spki()));
}

TEST_F(SdsSecrets, BundlesAreForTheSpiffeValidator) {
  EXPECT_EQ(validated(fetched_one(rig, sds_request({"ROOTCA"}))),
            (TrustDomains{{"example.org", own_pem(rig)}}));
  const auto all = validated(fetched_one(rig, sds_request({"ALL"})));
  ASSERT_EQ(all.size(), 3u);  // by name
  EXPECT_EQ(all[0].first, "a.org");
  EXPECT_EQ(all[1].first, "b.org");
  EXPECT_EQ(all[2], (std::pair<std::string, std::string>{"example.org", own_pem(rig)}));
}

TEST_F(SdsSecrets, OldEnvoysGetPlainAuthorities) {
  const auto asks = [&](std::uint32_t major, std::uint32_t minor) {
    Request request = sds_request({"ROOTCA"});
    auto* version = request.mutable_node()->mutable_user_agent_build_version()->mutable_version();
    version->set_major_number(major);
    version->set_minor_number(minor);
    return fetched_one(rig, request).validation_context();
  };
  EXPECT_EQ(asks(1, 17).trusted_ca().inline_bytes(), own_pem(rig));
  EXPECT_EQ(asks(0, 99).trusted_ca().inline_bytes(), own_pem(rig));
  EXPECT_TRUE(asks(1, 18).has_custom_validator_config());
  EXPECT_TRUE(asks(2, 0).has_custom_validator_config());
  Request unsaid = sds_request({"ROOTCA"});
  unsaid.mutable_node()->mutable_user_agent_build_version();
  EXPECT_TRUE(fetched_one(rig, unsaid).validation_context().has_custom_validator_config());
}

TEST_F(SdsSecrets, AnEnvoyMayAskForPlainAuthoritiesByItsMetadata) {
  const auto plain = [&](const google::protobuf::Value& value) {
    Request request = sds_request({"ROOTCA"});
    (*request.mutable_node()
          ->mutable_metadata()
          ->mutable_fields())["disable_spiffe_cert_validation"] = value;
    return fetched_one(rig, request).validation_context().has_trusted_ca();
  };
  google::protobuf::Value value;
  value.set_bool_value(true);
  EXPECT_TRUE(plain(value));
  for (const char* yes : {"1", "t", "T", "TRUE", "true", "True"}) {
    value.set_string_value(yes);
    EXPECT_TRUE(plain(value)) << yes;
  }
  for (const char* no : {"0", "f", "F", "FALSE", "false", "False", "yes", "tRUE", ""}) {
    value.set_string_value(no);
    EXPECT_FALSE(plain(value)) << no;
  }
  value.set_number_value(1);
  EXPECT_FALSE(plain(value)) << "other types say nothing";
}

TEST_F(SdsSecrets, AllBundlesInOneNeedTheValidator) {
  Request request = sds_request({"ALL"});
  google::protobuf::Value value;
  value.set_bool_value(true);
  (*request.mutable_node()
        ->mutable_metadata()
        ->mutable_fields())["disable_spiffe_cert_validation"] = value;
  const auto call = fetch(rig, request);
  EXPECT_EQ(call->code(), Code::kInternal);
  EXPECT_EQ(call->words(), "unable to use \"SPIFFE validator\" on Envoy below 1.17");
}

TEST_F(SdsSecrets, WhatTheCallerMayNotHaveIsNamed) {
  EXPECT_EQ(refused(rig, {"spiffe://z.org", "default", "b\"c", kTd + "/nobody"}),
            "workload is not authorized for the requested identities "
            "[\"b\\\"c\" \"spiffe://example.org/nobody\" \"spiffe://z.org\"]");
}

TEST_F(SdsSecrets, NamesAreBoundedInNumberAndLength) {
  EXPECT_EQ(refused(rig, {std::string(2049, 'a')}), "a resource name is longer than 2048 bytes");
  Names many;
  for (int i = 0; i < 1025; ++i) many.push_back("n" + std::to_string(i));
  EXPECT_EQ(refused(rig, many), "more than 1024 resource names");
  many.resize(1000);
  const std::string words = refused(rig, many);
  EXPECT_TRUE(words.ends_with(" ...]"));
  EXPECT_LT(words.size(), 8000u);
  Request request = sds_request({});
  request.set_type_url(std::string(2049, 'a'));
  EXPECT_EQ(fetch(rig, request)->words(), "type_url is longer than 2048 bytes");
  const auto garbage = rig.call(std::string(kSdsPrefix) + "FetchSecrets", "\xff\xff", {});
  EXPECT_EQ(garbage->code(), Code::kInternal);
}

TEST_F(SdsSecrets, AFetchHasTheTypeAskedForAndNeitherVersionNorNonce) {
  Request request = sds_request({"default"});
  request.set_type_url("any/thing");
  const auto response = fetch(rig, request)->last<Response>();
  EXPECT_EQ(response.type_url(), "any/thing");
  EXPECT_EQ(response.resources(0).type_url(), kSecretType);
  EXPECT_EQ(response.version_info() + response.nonce(), "");
}

TEST_F(SdsSecrets, OfTheSameIdTheFirstEntryCounts) {
  rig.server.add(entry("0", "/api", {"unix:uid:0"})).set_hint("same");
  rig.tick();
  const Names all = {kTd, "spiffe://a.org", "spiffe://b.org", kTd + "/api", kTd + "/web"};
  EXPECT_EQ(fetched(rig, {}), all);
  const auto by_id = fetched_one(rig, sds_request({kTd + "/api"})).tls_certificate();
  const auto first = fetched_one(rig, sds_request({"default"})).tls_certificate();
  EXPECT_EQ(by_id.SerializeAsString(), first.SerializeAsString());
}

// The bundle is no secret, and an Envoy that only checks others needs no identity.
TEST(SdsCaller, WithoutAnIdentityGetsOurBundleAndNothingElse) {
  Rig rig;
  rig.server.federate("a.org");
  rig.server.add(entry("1", "/other", {"unix:uid:7"})).add_federates_with("a.org");
  rig.start();
  EXPECT_EQ(fetched(rig, {"ROOTCA", kTd}), (Names{kTd, "ROOTCA"}));
  EXPECT_EQ(fetched(rig, {}), Names{kTd});
  EXPECT_EQ(validated(fetched_one(rig, sds_request({"ALL"}))).size(), 1u);
  EXPECT_EQ(refused(rig, {"default", "ROOTCA"}),
            "workload is not authorized for the requested identities [\"default\"]");
  refused(rig, {"spiffe://a.org"});
  refused(rig, {kTd + "/other"});
}

TEST(SdsCaller, ThatCannotBeAttestedIsToldToTryAgain) {
  Rig rig;
  rig.start();
  rig.host.selectors.reset();
  const auto fetch_call = fetch(rig, sds_request({"ROOTCA"}));
  const SdsClient state(rig, {"ROOTCA"});
  const DeltaClient delta(rig, {"ROOTCA"});
  for (const auto* call : {&fetch_call, &state.call, &delta.call}) {
    EXPECT_EQ((*call)->code(), Code::kUnavailable);
    EXPECT_EQ((*call)->words(), "workload attestation failed");
  }
}

TEST(SdsConfig, NamesAndFormAreTheOperators) {
  Rig rig([](AgentConfig& config) { config.sds = {"mine", "ca", "every", true}; });
  rig.server.add(entry("1", "/web", {"unix:uid:0"}));
  rig.start();
  EXPECT_EQ(fetched(rig, {"mine", "ca"}), (Names{"ca", "mine"}));
  EXPECT_EQ(fetched_one(rig, sds_request({"ca"})).validation_context().trusted_ca().inline_bytes(),
            own_pem(rig));
  for (const char* old : {"default", "ROOTCA", "ALL"}) refused(rig, {old});
  Request request = sds_request({"every"});
  google::protobuf::Value value;
  value.set_bool_value(false);  // an Envoy's word overrides the setting both ways
  (*request.mutable_node()
        ->mutable_metadata()
        ->mutable_fields())["disable_spiffe_cert_validation"] = value;
  EXPECT_EQ(validated(fetched_one(rig, request)).size(), 1u);
}

TEST(SdsConfig, MayBeDisabled) {
  Rig rig([](AgentConfig& config) { config.disable_sds_api = true; });
  rig.start();
  for (const char* method : {"FetchSecrets", "StreamSecrets", "DeltaSecrets"})
    EXPECT_FALSE(rig.rpc.has(kSdsPrefix + std::string(method)));
  EXPECT_TRUE(rig.rpc.has("/SpiffeWorkloadAPI/FetchX509SVID"));
}

}  // namespace
}  // namespace signet::agent::test
