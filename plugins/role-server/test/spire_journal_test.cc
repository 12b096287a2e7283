// The authorities on record of SPIRE servers, brought over and gone on with.
#include <gmock/gmock.h>

#include "crypto/encoding.h"
#include "spire_import_rig.h"
#include "trust_bundles.h"
#include "x509/svid_issuer.h"

namespace signet::server::testing {
namespace {

using ::testing::ElementsAre;
using Journal = spire_database::v1::Journal;

// A CA with its key.
struct Ca {
  std::shared_ptr<const crypto::Signer> key;
  x509::Certificate certificate;
  std::string der() const { return crypto::to_string(certificate.der()); }
  std::string id() const { return crypto::hex_encode(certificate.subject_key_id()); }
};

// A root and a CA below it that does not name the root's key, as a company's scripts make them.
// Made for this test by OpenSSL, `openssl ca` with authorityKeyIdentifier = none; DER, and the CA's
// key.
constexpr std::string_view kRoot =
    "MIIBfDCCASOgAwIBAgIUJwduSD8KGy1iKcninQRWTn+n+kswCgYIKoZIzj0EAwIwDzENMAsGA1UECgwEcm9vdDAg"
    "Fw0yMDAxMDEwMDAwMDBaGA8yMDk5MDEwMTAwMDAwMFowDzENMAsGA1UECgwEcm9vdDBZMBMGByqGSM49AgEGCCqG"
    "SM49AwEHA0IABON5ZgxQtH4jb9C4Yj/ECQh5s2RdZ73vVWoD9+dDXopjR332qv2JkLRZmYPY/gNgPOkNFyioljLE"
    "pHhAFiMqA4OjWzBZMA8GA1UdEwEB/wQFMAMBAf8wDgYDVR0PAQH/BAQDAgEGMB0GA1UdDgQWBBTPBKFX8Cv9/gpJ"
    "uDTjyC4ylnUZQjAXBgNVHREEEDAOggxyb290LmV4YW1wbGUwCgYIKoZIzj0EAwIDRwAwRAIgG7Q39s8Inf89yf/w"
    "07ZtOA8O0NnfMQq6bTsCoPFLXhcCID0H8W1eVcT2AtyR45NXg9qkd9vpE1LxIS3xA7/O1jw2";
constexpr std::string_view kBetween =
    "MIIBhDCCASmgAwIBAgIULPl+rsURVfxONkdje7q0YuUbx5UwCgYIKoZIzj0EAwIwDzENMAsGA1UECgwEcm9vdDAg"
    "Fw0yMDAxMDEwMDAwMDBaGA8yMDk5MDEwMTAwMDAwMFowEjEQMA4GA1UECgwHYmV0d2VlbjBZMBMGByqGSM49AgEG"
    "CCqGSM49AwEHA0IABCIX8LZBg5FEfgGBsivnAd5TeteOVc5gFRhHVnxm6kxxs4860F0Tq+jBU+URZlQpYkOmcJcb"
    "i8gTchvEYMDm7DKjXjBcMA8GA1UdEwEB/wQFMAMBAf8wDgYDVR0PAQH/BAQDAgEGMB0GA1UdDgQWBBRaCo8q0+vi"
    "XZep5uNTJPMGn9urvDAaBgNVHREEEzARgg9iZXR3ZWVuLmV4YW1wbGUwCgYIKoZIzj0EAwIDSQAwRgIhALHCEpI/"
    "1DQ81HYN4WMRrnTY4yEKzTeCWcsTZTYvo6GGAiEAwD5LavU20ii2KgdzeHhUPOnxJnl2IMAuu2+Rjs1IyA8=";
constexpr std::string_view kBetweenKey =
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgzBlcBKiwB/nRWhxm4b30lgsr0myggl+KNWQBtYSL"
    "BEahRANCAAQiF/C2QYORRH4BgbIr5wHeU3rXjlXOYBUYR1Z8ZupMcbOPOtBdE6vowVPlEWZUKWJDpnCXG4vIE3Ib"
    "xGDA5uwy";

crypto::Bytes der_of(std::string_view base64) { return *crypto::base64_decode(base64); }

class SpireJournalTest : public SpireImportTest {
 protected:
  SpireJournalTest() {
    spire_.tables.clear();
    keys_.clear();
    bundle_.set_trust_domain_id("spiffe://example.org");
  }

  std::shared_ptr<const crypto::Signer> others_key() {
    return std::make_shared<crypto::PrivateKeySigner>(
        *crypto::PrivateKey::generate(crypto::KeyType::kEcP256));
  }
  std::shared_ptr<const crypto::Signer> own_key(const std::string& key_id) {
    const auto keys =
        std::make_shared<const KeyManagerClient>(*KeyManagerClient::acquire(host_.host()));
    keys_.push_back(*keys->generate(key_id, SIGNET_KEY_EC_P256));
    return *KeyManagerSigner::make(keys, key_id, keys_.back().public_key);
  }
  Ca self_signed(const std::shared_ptr<const crypto::Signer>& key) {
    x509::CaParams params;
    params.now = x509::from_unix(host_.now());
    return {key, *x509::self_sign_ca(domain_, params, *key)};
  }
  Ca below(const Ca& upper, const std::shared_ptr<const crypto::Signer>& key) {
    return {key, *x509::sign_downstream_ca(domain_, {.now = x509::from_unix(host_.now())},
                                           key->spki(), upper.certificate, *upper.key)};
  }
  Journal::X509Authority* add(Journal& journal, const std::string& slot, const Ca& ca,
                              store::v1::Journal::Status status) {
    auto* one = journal.add_x509();
    one->set_slot(slot);
    one->set_issued_at(host_.now());
    one->set_not_after(x509::to_unix(ca.certificate.not_after()));
    one->set_certificate(ca.der());
    one->set_status(status);
    one->set_authority_id(ca.id());
    one->set_upstream_authority_id(crypto::hex_encode(ca.certificate.authority_key_id()));
    return one;
  }
  // In the journal and the bundle.
  void add_token_key(Journal::TokenAuthority* one, spire_database::v1::Bundle::PublicKey* known,
                     const std::string& slot, const std::string& kid, const crypto::Signer& key) {
    one->set_slot(slot);
    one->set_issued_at(host_.now());
    one->set_not_after(host_.now() + 24 * kHour);
    one->set_kid(kid);
    one->set_authority_id(kid);
    one->set_public_key(crypto::to_string(key.spki()));
    one->set_status(store::v1::Journal::ACTIVE);
    known->set_kid(kid);
    known->set_pkix(one->public_key());
    known->set_not_after(one->not_after());
  }
  void add(std::int64_t row, const Journal& journal) {
    spire_.add(SIGNET_SPIRE_CA_JOURNALS, row, {journal.SerializeAsString()});
  }
  void import_all() {
    spire_.add(SIGNET_SPIRE_BUNDLES, 1, {"spiffe://example.org", bundle_.SerializeAsString()});
    const Status done = run();
    ASSERT_TRUE(done.ok()) << done.to_string();
  }
  // Of an SVID that the server's active CA signs now.
  Status verify_svid(AuthoritiesServer& server) {
    const auto ca = server.authorities.x509();
    const auto now = x509::from_unix(host_.now());
    const auto key = crypto::PrivateKey::generate(crypto::KeyType::kEcP256);
    SIGNET_TRY(const auto svid, ca->issuer.issue({.spiffe_id = "spiffe://example.org/w",
                                                  .spki = key->public_key().spki(),
                                                  .now = now}));
    std::vector<x509::Certificate> chain = {*x509::Certificate::parse(svid.der)};
    for (const std::string& der : ca->upstream_chain) {
      chain.push_back(*x509::Certificate::parse(crypto::as_bytes(der)));
    }
    return x509::verify_svid(chain, domain_, server.bundles.own()->roots, {.now = now}).status();
  }

  spire_database::v1::Bundle bundle_;
};

TEST_F(SpireJournalTest, AuthoritiesBelowAnUpstreamOneGoOnWithTheirChain) {
  const Ca root = self_signed(others_key());
  const Ca between = below(root, others_key());
  const Ca active = below(between, own_key("x509-CA-A"));
  const Ca prepared = below(root, own_key("x509-CA-B"));
  bundle_.add_root_cas()->set_der(root.der());
  Journal journal;
  auto* first = add(journal, "A", active, store::v1::Journal::ACTIVE);
  for (const Ca* link : {&active, &between}) first->add_upstream_chain(link->der());
  add(journal, "B", prepared, store::v1::Journal::PREPARED)->add_upstream_chain(prepared.der());
  add(4, journal);
  import_all();

  AuthoritiesServer server(host_);
  ASSERT_TRUE(server.start().ok());
  EXPECT_FALSE(server.authorities.began_anew());
  const auto ca = server.authorities.x509();
  EXPECT_EQ(ca->authority_id, active.id());
  EXPECT_THAT(ca->upstream_chain, ElementsAre(active.der(), between.der()));
  EXPECT_TRUE(verify_svid(server).ok());
  const AuthorityState state = *server.authorities.state(AuthorityType::kX509);
  EXPECT_EQ(state.active->upstream_authority_id, root.id());
  ASSERT_TRUE(state.prepared);
  EXPECT_EQ(state.prepared->authority_id, prepared.id());

  ASSERT_TRUE(server.authorities.activate(AuthorityType::kX509, prepared.id()).ok());
  EXPECT_THAT(server.authorities.x509()->upstream_chain, ElementsAre(prepared.der()));
  EXPECT_TRUE(verify_svid(server).ok());
  EXPECT_EQ(server.bundles.own()->message.x509_authorities_size(), 1) << "the root, as it was";
}

TEST_F(SpireJournalTest, AChainThatDoesNotNameItsRootsKeyIsAsGood) {
  const Ca root{nullptr, *x509::Certificate::parse(der_of(kRoot))};
  const Ca between{std::make_shared<crypto::PrivateKeySigner>(
                       *crypto::PrivateKey::from_pkcs8_der(der_of(kBetweenKey))),
                   *x509::Certificate::parse(der_of(kBetween))};
  const Ca active = below(between, own_key("x509-CA-A"));
  bundle_.add_root_cas()->set_der(root.der());
  Journal journal;
  auto* first = add(journal, "A", active, store::v1::Journal::ACTIVE);
  for (const Ca* link : {&active, &between}) first->add_upstream_chain(link->der());
  add(4, journal);
  import_all();

  AuthoritiesServer server(host_);
  ASSERT_TRUE(server.start().ok());
  EXPECT_EQ(server.authorities.x509()->authority_id, active.id());
  EXPECT_EQ(server.authorities.state(AuthorityType::kX509)->active->upstream_authority_id,
            root.id())
      << "the upstream taints by it";
  EXPECT_TRUE(verify_svid(server).ok());
  EXPECT_EQ(server.bundles.own()->message.x509_authorities_size(), 1) << "no CA was made";
}

TEST_F(SpireJournalTest, KeysOfWitSvidsGoOnWhenTheFeatureIsOn) {
  const Ca ca = self_signed(own_key("x509-CA-A"));
  const auto jwt = own_key("JWT-Signer-A");
  const auto wit = own_key("WIT-Signer-B");
  bundle_.add_root_cas()->set_der(ca.der());
  Journal journal;
  add(journal, "A", ca, store::v1::Journal::ACTIVE);
  add_token_key(journal.add_jwt(), bundle_.add_jwt_signing_keys(), "A", "jwt-1", *jwt);
  add_token_key(journal.add_wit(), bundle_.add_wit_signing_keys(), "B", "wit-1", *wit);
  add(1, journal);
  import_all();

  for (const bool feature : {true, false}) {
    AuthoritiesServer server(host_, [&](ServerConfig& config) { config.wit_svids = feature; });
    ASSERT_TRUE(server.start().ok());
    EXPECT_FALSE(server.authorities.began_anew());
    EXPECT_EQ(server.authorities.jwt()->authority_id, "jwt-1");
    ASSERT_EQ(server.authorities.wit() != nullptr, feature);
    if (feature) {
      EXPECT_EQ(server.authorities.wit()->authority_id, "wit-1");
    }
    ASSERT_EQ(server.bundles.own()->message.wit_authorities_size(), 1);
    EXPECT_EQ(server.bundles.own()->message.wit_authorities(0).key_id(), "wit-1");
  }
}

TEST_F(SpireJournalTest, AChainWithSomethingElseInItIsRefused) {
  const Ca ca = self_signed(own_key("x509-CA-A"));
  Journal journal;
  add(journal, "A", ca, store::v1::Journal::ACTIVE)->add_upstream_chain("no certificate");
  add(7, journal);
  EXPECT_THAT(problem(),
              ::testing::HasSubstr("ca_journals, row 7: data has a malformed upstream chain"));
}

// Two servers, one database: slots and names of keys are the same, so only the keys tell.
TEST_F(SpireJournalTest, OfSeveralServersEachFindsItsOwnAndKeepsTheOthers) {
  const Ca other = self_signed(others_key());
  const auto others_jwt = others_key();
  const Ca own = self_signed(own_key("x509-CA-A"));
  const auto own_jwt = own_key("JWT-Signer-A");
  for (const Ca* ca : {&other, &own}) bundle_.add_root_cas()->set_der(ca->der());
  for (int row = 1; row <= 2; ++row) {
    Journal journal;
    add(journal, "A", row == 1 ? other : own, store::v1::Journal::ACTIVE);
    add_token_key(journal.add_jwt(), bundle_.add_jwt_signing_keys(), "A",
                  "jwt-" + std::to_string(row), row == 1 ? *others_jwt : *own_jwt);
    add(row, journal);
  }
  const auto counts = import().look(keys_);
  ASSERT_TRUE(counts) << counts.status().to_string();
  EXPECT_TRUE(counts->own_journal);
  import_all();
  const std::string others_journal = host_.store().find("journal", "spire-1")->body;

  AuthoritiesServer server(host_);
  ASSERT_TRUE(server.start().ok());
  EXPECT_FALSE(server.authorities.began_anew());
  EXPECT_EQ(server.authorities.journal_id(), "spire-2");
  EXPECT_EQ(server.authorities.x509()->authority_id, own.id());
  EXPECT_EQ(server.authorities.jwt()->authority_id, "jwt-2");
  EXPECT_TRUE(verify_svid(server).ok());

  // A rotation of ours takes nothing of the other's away.
  ASSERT_TRUE(server.authorities.prepare(AuthorityType::kX509));
  const auto& bundle = server.bundles.own()->message;
  ASSERT_EQ(bundle.x509_authorities_size(), 3);
  EXPECT_EQ(bundle.x509_authorities(0).asn1(), other.der());
  EXPECT_EQ(bundle.jwt_authorities(0).key_id(), "jwt-1");
  EXPECT_EQ(host_.store().find("journal", "spire-1")->body, others_journal);
}

}  // namespace
}  // namespace signet::server::testing
