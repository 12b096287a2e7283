// Both sides against each other, through the plugin as a host sees it.
#include <filesystem>
#include <fstream>
#include <stdlib.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "signet/testing/fake_host.h"

#include "certificate_facts.h"
#include "x509/ca.h"
#include "x509/certificate_builder.h"
#include "x509/pem.h"
#include "x509pop_plugin.h"

namespace signet::x509pop {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

constexpr std::int64_t kNow = 1'700'000'000;

TrustDomain example() { return TrustDomain::parse("example.org").value(); }

struct Identity {
  crypto::PrivateKey key;
  x509::Certificate certificate;
};
Identity make_ca() {
  auto key = crypto::PrivateKey::generate(crypto::KeyType::kEcP256).value();
  auto ca =
      x509::self_sign_ca(example(), {.now = x509::from_unix(kNow)}, crypto::PrivateKeySigner(key));
  return {key, ca.value()};
}
Identity make_intermediate(const Identity& issuer) {
  auto key = crypto::PrivateKey::generate(crypto::KeyType::kEcP256).value();
  auto ca =
      x509::sign_downstream_ca(example(), {.now = x509::from_unix(kNow)}, key.public_key().spki(),
                               issuer.certificate, crypto::PrivateKeySigner(issuer.key));
  return {key, ca.value()};
}
x509::CertificateTemplate leaf_template() {
  x509::CertificateTemplate leaf;
  leaf.serial = {0x0a, 0xbc};
  x509::Name name;
  name.common_name = "host-1";
  leaf.subject = name.encode();
  leaf.not_before = x509::from_unix(kNow - 10);
  leaf.not_after = x509::from_unix(kNow + 3600);
  leaf.key_usage = x509::kDigitalSignature;
  leaf.uris = {"x509pop://example.org/datacenter/us/east", "x509pop://other.org/a/b",
               "x509pop://example.org/novalue"};
  return leaf;
}
Identity make_leaf(const Identity& issuer, crypto::KeyType type = crypto::KeyType::kEcP256,
                   x509::CertificateTemplate leaf = leaf_template()) {
  auto key = crypto::PrivateKey::generate(type).value();
  leaf.issuer = crypto::to_bytes(issuer.certificate.subject_raw());
  leaf.spki = key.public_key().spki();
  const auto der = x509::sign_certificate(leaf, crypto::PrivateKeySigner(issuer.key));
  return {key, x509::Certificate::parse(*der).value()};
}

class X509pop : public testing::Test {
 protected:
  X509pop() : server_(Host(host_.abi()), "x509pop"), agent_(Host(host_.abi()), "x509pop") {
    host_.set_wall_seconds(kNow);
    std::string pattern = (fs::temp_directory_path() / "x509pop_XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    write("ca.pem", x509::write_pem(ca_.certificate));
  }
  ~X509pop() override { fs::remove_all(folder_); }

  std::string write(const std::string& name, std::string_view text) {
    std::ofstream(folder_ / name, std::ios::binary) << text;
    return (folder_ / name).string();
  }
  static Status configure(X509PopPlugin& plugin, const nlohmann::json& settings) {
    fakes::FakeCall abi;
    Call call(abi.abi());
    return plugin.configure(call, settings.dump());
  }
  Status configure_server(nlohmann::json more = nlohmann::json::object()) {
    more["ca_bundle_path"] = (folder_ / "ca.pem").string();
    return configure(server_, more);
  }
  Status configure_agent(const Identity& leaf,
                         const std::vector<x509::Certificate>& intermediates = {}) {
    nlohmann::json settings = {
        {"certificate_path", write("leaf.pem", x509::write_pem(leaf.certificate))},
        {"private_key_path", write("key.pem", leaf.key.to_pem().text())}};
    if (!intermediates.empty()) {
      settings["intermediates_path"] = write("chain.pem", x509::write_pem(intermediates));
    }
    return configure(agent_, settings);
  }
  /// One whole attestation.
  Result<AgentAttributes> attest(const std::string& client_address = "10.0.0.7:4711") {
    SIGNET_TRY(auto server, server_.open_server("example.org", client_address));
    SIGNET_TRY(auto agent, agent_.open_agent());
    SIGNET_TRY(const std::string payload, agent->step("", INT64_MAX));
    SIGNET_TRY(const ServerStep challenge, server->step(payload, INT64_MAX));
    SIGNET_TRY(const std::string response, agent->step(challenge.challenge, INT64_MAX));
    SIGNET_TRY(ServerStep last, server->step(response, INT64_MAX));
    if (!last.attributes) return Status::internal("no attributes");
    return *last.attributes;
  }
  void denies(Code code, const char* words, const std::string& client_address = "10.0.0.7:1") {
    const auto result = attest(client_address);
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.status().code(), code) << result.status().to_string();
    EXPECT_THAT(result.status().message(), HasSubstr(words));
  }

  fakes::FakeHost host_;
  fs::path folder_;
  const Identity ca_ = make_ca();
  X509PopPlugin server_, agent_;
};

TEST_F(X509pop, AttestsWithEveryKindOfKey) {
  ASSERT_TRUE(configure_server().ok());
  for (const auto type :
       {crypto::KeyType::kEcP256, crypto::KeyType::kEcP384, crypto::KeyType::kRsa2048}) {
    const Identity leaf = make_leaf(ca_, type);
    ASSERT_TRUE(configure_agent(leaf).ok());
    const auto attested = attest();
    ASSERT_TRUE(attested.ok()) << attested.status().to_string();
    EXPECT_EQ(attested->agent_id,
              "spiffe://example.org/spire/agent/x509pop/" + fingerprint(leaf.certificate));
    EXPECT_TRUE(attested->can_reattest);
  }
}

TEST_F(X509pop, GivesSpiresSelectors) {
  ASSERT_TRUE(configure_server().ok());
  const Identity middle = make_intermediate(ca_);
  ASSERT_TRUE(configure_agent(make_leaf(middle), {middle.certificate}).ok());
  const auto attested = attest();
  ASSERT_TRUE(attested.ok()) << attested.status().to_string();
  EXPECT_THAT(
      attested->selectors,
      testing::ElementsAre("subject:cn:host-1", "ca:fingerprint:" + fingerprint(middle.certificate),
                           "ca:fingerprint:" + fingerprint(ca_.certificate), "serialnumber:0abc",
                           "san:datacenter:us/east"));
}

TEST_F(X509pop, TheTemplateNamesTheAgent) {
  ASSERT_TRUE(
      configure_server({{"agent_path_template",
                         "/{{ .PluginName }}/{{ .Subject.CommonName }}/{{ .SerialNumberHex }}/"
                         "{{ .URISanSelectors.datacenter }}"}})
          .ok());
  ASSERT_TRUE(configure_agent(make_leaf(ca_)).ok());
  EXPECT_EQ(attest()->agent_id, "spiffe://example.org/spire/agent/x509pop/host-1/0abc/us/east");
  for (const char* bad : {"{{ .PluginName }}", "/{{ .Nope }}", "/a b", "/", "/a//b"}) {
    ASSERT_TRUE(configure_server({{"agent_path_template", bad}}).ok()) << bad;
    denies(Code::kInternal, "failed to make agent ID");
  }
}

TEST_F(X509pop, DeniesAChainThatLeadsNowhere) {
  ASSERT_TRUE(configure_server().ok());
  const Identity stranger = make_ca();
  ASSERT_TRUE(configure_agent(make_leaf(stranger)).ok());
  denies(Code::kPermissionDenied, "certificate verification failed");
  const Identity middle = make_intermediate(ca_);
  ASSERT_TRUE(configure_agent(make_leaf(middle)).ok());
  denies(Code::kPermissionDenied, "certificate verification failed");
}

TEST_F(X509pop, DeniesAnExpiredLeaf) {
  ASSERT_TRUE(configure_server().ok());
  ASSERT_TRUE(configure_agent(make_leaf(ca_)).ok());
  host_.set_wall_seconds(kNow + 7200);
  denies(Code::kPermissionDenied, "certificate verification failed");
}

TEST_F(X509pop, DeniesWhoDoesNotHaveTheKey) {
  ASSERT_TRUE(configure_server().ok());
  const Identity leaf = make_leaf(ca_);
  ASSERT_TRUE(configure_agent(make_leaf(ca_)).ok());
  auto server = server_.open_server("example.org", "10.0.0.7:1");
  auto agent = agent_.open_agent();
  ASSERT_TRUE((*agent)->step("", INT64_MAX).ok());
  const auto challenge =
      (*server)->step(x509pop::write(Payload{{leaf.certificate.der()}}), INT64_MAX);
  ASSERT_TRUE(challenge.ok());
  const auto response = (*agent)->step(challenge->challenge, INT64_MAX);  // by another key
  const auto result = (*server)->step(*response, INT64_MAX);
  EXPECT_EQ(result.status().code(), Code::kPermissionDenied);
  EXPECT_THAT(result.status().message(), HasSubstr("challenge response verification failed"));
  // There is no second try on the same challenge.
  EXPECT_EQ((*server)->step(*response, INT64_MAX).status().code(), Code::kInvalidArgument);
}

TEST_F(X509pop, ALeafThatMayNotSignIsRefused) {
  ASSERT_TRUE(configure_server().ok());
  auto leaf = leaf_template();
  leaf.key_usage = x509::kKeyEncipherment;
  ASSERT_TRUE(configure_agent(make_leaf(ca_, crypto::KeyType::kEcP256, leaf)).ok());
  denies(Code::kInternal, "digital signature");
}

TEST_F(X509pop, LimitsTheChainAndTheRsaKeys) {
  ASSERT_TRUE(configure_server({{"max_intermediates", 0}}).ok());
  const Identity middle = make_intermediate(ca_);
  ASSERT_TRUE(configure_agent(make_leaf(middle), {middle.certificate}).ok());
  denies(Code::kInvalidArgument, "too many intermediate certificates");
  ASSERT_TRUE(configure_server({{"max_rsa_key_size", 1024}}).ok());
  ASSERT_TRUE(configure_agent(make_leaf(ca_, crypto::KeyType::kRsa2048)).ok());
  denies(Code::kInvalidArgument, "RSA key of 2048 bits");
}

TEST_F(X509pop, RefusesGarbage) {
  ASSERT_TRUE(configure_server().ok());
  for (const std::string& bad :
       {std::string(), std::string("{}"), x509pop::write(Payload{{{1, 2}}})}) {
    auto server = server_.open_server("example.org", "10.0.0.7:1");
    EXPECT_EQ((*server)->step(bad, INT64_MAX).status().code(), Code::kInvalidArgument);
    EXPECT_EQ((*server)->step(bad, INT64_MAX).status().code(), Code::kInvalidArgument);
  }
}

TEST_F(X509pop, ReadsTheAgentsFilesAtEachAttestation) {
  ASSERT_TRUE(configure_server().ok());
  ASSERT_TRUE(configure_agent(make_leaf(ca_)).ok());
  const std::string first = attest()->agent_id;
  const Identity renewed = make_leaf(ca_);
  write("leaf.pem", x509::write_pem(renewed.certificate));
  write("key.pem", renewed.key.to_pem().text());
  EXPECT_NE(attest()->agent_id, first);
}

TEST_F(X509pop, StartsWithGoodFilesOnly) {
  EXPECT_FALSE(configure(server_, {{"ca_bundle_path", "/nowhere.pem"}}).ok());
  EXPECT_FALSE(configure(server_, {{"ca_bundle_path", write("bad.pem", "nothing")}}).ok());
  const Identity leaf = make_leaf(ca_);
  Identity mixed = {make_leaf(ca_).key, leaf.certificate};
  EXPECT_THAT(configure_agent(mixed).message(), HasSubstr("do not belong together"));
  EXPECT_EQ(server_.open_server("example.org", "").status().code(), Code::kFailedPrecondition);
  EXPECT_EQ(agent_.open_agent().status().code(), Code::kFailedPrecondition);
}

TEST_F(X509pop, TheAddressMustBeTheLeafsWhenThatIsAsked) {
  ASSERT_TRUE(configure_server({{"verify_client_ip", true}}).ok());
  auto leaf = leaf_template();
  leaf.uris.clear();
  // subjectAltName with the IP addresses 10.0.0.7 and ::1.
  leaf.extra = {
      {{0x55, 0x1d, 0x11}, false, {0x30, 0x18, 0x87, 0x04, 10, 0, 0, 7, 0x87, 0x10, 0, 0, 0,
                                   0,    0,    0,    0,    0,  0, 0, 0, 0,    0,    0, 0, 1}}};
  ASSERT_TRUE(configure_agent(make_leaf(ca_, crypto::KeyType::kEcP256, leaf)).ok());
  for (const char* address : {"10.0.0.7:4711", "[::ffff:10.0.0.7]:1", "[::1]:99"}) {
    const auto attested = attest(address);
    EXPECT_TRUE(attested.ok()) << address << " " << attested.status().to_string();
  }
  denies(Code::kPermissionDenied, "not among", "10.0.0.8:4711");
  denies(Code::kPermissionDenied, "not among", "");
}

}  // namespace
}  // namespace signet::x509pop
