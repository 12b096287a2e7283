// SpireImportTest: a SPIRE database with something of everything, beside an empty datastore.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "signet/spire_database/v1/spire_database.pb.h"

#include "authorities_rig.h"
#include "fake_spire.h"
#include "spire_import/spire_import.h"
#include "x509/ca.h"

namespace signet::server::testing {

class SpireImportTest : public ::testing::Test {
 protected:
  SpireImportTest() {
    host_.offer(SIGNET_SPIRE_SOURCE, spire_.instance(), FakeSpire::table());
    source_.emplace(*SpireSource::acquire(host_.host()));
    reader_.emplace(*source_->open("{}", false));
    fill();
  }

  // A key of the key manager, and a CA certificate made with it.
  std::pair<KeyInfo, std::string> make_ca(const std::string& key_id) {
    auto client =
        std::make_shared<const KeyManagerClient>(*KeyManagerClient::acquire(host_.host()));
    const KeyInfo key = *client->generate(key_id, SIGNET_KEY_EC_P256);
    const auto signer = *KeyManagerSigner::make(client, key_id, key.public_key);
    x509::CaParams params;
    params.now = x509::from_unix(host_.now());
    return {key, crypto::to_string(x509::self_sign_ca(domain_, params, *signer)->der())};
  }

  void fill() {
    const auto [ca_key, ca] = make_ca("x509-CA-B");
    KeyManagerClient client = *KeyManagerClient::acquire(host_.host());
    const KeyInfo jwt_key = *client.generate("JWT-Signer-A", SIGNET_KEY_EC_P256);
    keys_ = {ca_key, jwt_key};
    const std::int64_t end = host_.now() + 24 * kHour;

    spire_database::v1::Bundle bundle;
    bundle.set_trust_domain_id("spiffe://example.org");
    bundle.add_root_cas()->set_der(ca);
    bundle.mutable_root_cas(0)->set_tainted(true);
    auto* key = bundle.add_jwt_signing_keys();
    key->set_kid("kid-1");
    key->set_pkix(jwt_key.public_key);
    key->set_not_after(end);
    bundle.set_sequence_number(7);
    bundle.set_refresh_hint(60);
    spire_.add(SIGNET_SPIRE_BUNDLES, 1, {"spiffe://example.org", bundle.SerializeAsString()});
    bundle.set_trust_domain_id("spiffe://other.org");
    spire_.add(SIGNET_SPIRE_BUNDLES, 2, {"spiffe://other.org", bundle.SerializeAsString()});

    spire_.add(SIGNET_SPIRE_FEDERATION, 1,
               {"other.org", "https://other.org/bundle", "https_spiffe", "spiffe://other.org/s"});
    spire_.add(SIGNET_SPIRE_FEDERATION, 2, {"web.org", "https://web.org", "https_web", ""});

    spire_database::v1::AdditionalAttributes attributes;
    attributes.set_jwt_svid_include_jti(true);
    add_entry(1, "e1",
              {"spiffe://example.org/a", "spiffe://example.org/n", 60, 30, 1, 0, 7'000'000'000, 3,
               0, "hint", attributes.SerializeAsString(), 1'600'000'000});
    spire_.add(SIGNET_SPIRE_SELECTORS, 1, {"unix", "uid:1"});
    spire_.add(SIGNET_SPIRE_SELECTORS, 1, {"unix", "gid:1"});
    spire_.add(SIGNET_SPIRE_DNS_NAMES, 1, {"z.example.org"});
    spire_.add(SIGNET_SPIRE_DNS_NAMES, 1, {"a.example.org"});
    spire_.add(SIGNET_SPIRE_FEDERATES_WITH, 1, {"spiffe://other.org"});

    add_agent(1, "/spire/agent/x509pop/1", {"x509pop", "11", end, "12", end + 1, 1, "1.15.3"});
    spire_.add(SIGNET_SPIRE_AGENT_SELECTORS, 1, {"x509pop", "subject:cn:a"});
    add_agent(2, "/spire/agent/join_token/2", {"join_token", "", end, "", 0, 0, ""});

    spire_.add(SIGNET_SPIRE_JOIN_TOKENS, 1, {"expired", host_.now() - 1});
    spire_.add(SIGNET_SPIRE_JOIN_TOKENS, 2, {"token-2", host_.now() + 600});

    spire_database::v1::Journal journal;
    auto* x509 = journal.add_x509();
    x509->set_slot("B");
    x509->set_issued_at(host_.now());
    x509->set_not_after(end);
    x509->set_certificate(ca);
    x509->set_status(store::v1::Journal::ACTIVE);
    auto* jwt = journal.add_jwt();
    jwt->set_slot("A");
    jwt->set_issued_at(host_.now());
    jwt->set_not_after(end);
    jwt->set_kid("kid-1");
    jwt->set_public_key(jwt_key.public_key);
    jwt->set_status(store::v1::Journal::ACTIVE);
    spire_.add(SIGNET_SPIRE_CA_JOURNALS, 4, {journal.SerializeAsString()});
  }
  void add_entry(std::int64_t row, const std::string& id, std::vector<FakeSpire::Cell> more) {
    more.insert(more.begin(), id);
    spire_.add(SIGNET_SPIRE_ENTRIES, row, std::move(more));
  }
  void add_agent(std::int64_t row, const std::string& path, std::vector<FakeSpire::Cell> more) {
    more.insert(more.begin(), "spiffe://example.org" + path);
    spire_.add(SIGNET_SPIRE_AGENTS, row, std::move(more));
  }
  // So many that several transactions are needed.
  void add_many(int n) {
    for (int i = 0; i < n; ++i) {
      const std::int64_t row = 10 + i;
      add_entry(row, "many-" + std::to_string(i),
                {"spiffe://example.org/many/" + std::to_string(i), "spiffe://example.org/n", 0, 0,
                 0, 0, 0, 0, 0, "", "", 0});
      spire_.add(SIGNET_SPIRE_SELECTORS, row, {"unix", "uid:" + std::to_string(i)});
    }
  }

  SpireImport import(std::function<bool()> go_on = [] { return true; }) {
    return SpireImport(*reader_, domain_, host_.now(), std::move(go_on));
  }
  // What the command does, without the keys.
  Status run(std::function<bool()> go_on = [] { return true; }) {
    SpireImport one = import(std::move(go_on));
    SIGNET_TRY(const auto state, one.check_target(datastore()));
    if (state == SpireImport::State::kFinished) return {};
    SIGNET_RETURN_IF_ERROR(one.look(keys_).status());
    return one.write(datastore(), [](SpireStep, std::uint64_t) {});
  }
  Datastore datastore() { return *Datastore::acquire(host_.host()); }
  std::string problem() {
    const auto counts = import().look(keys_);
    EXPECT_FALSE(counts);
    EXPECT_EQ(counts.status().code(), Code::kFailedPrecondition);
    return counts.status().message();
  }
  // Every record but the state of the import, as comparable text.
  std::map<std::string, std::string> content() {
    std::map<std::string, std::string> out;
    for (const char* kind :
         {"bundle", "federation", "entry", "agent", "join_token", "journal", "meta"}) {
      for (const auto* record : host_.store().all(kind)) {
        if (record->id != "import/spire") out[std::string(kind) + "/" + record->id] = record->body;
      }
    }
    return out;
  }

  const TrustDomain domain_ = *TrustDomain::parse("example.org");
  QuietHost host_;
  FakeSpire spire_;
  std::optional<SpireSource> source_;
  std::optional<SpireReader> reader_;
  std::vector<KeyInfo> keys_;
};

}  // namespace signet::server::testing
