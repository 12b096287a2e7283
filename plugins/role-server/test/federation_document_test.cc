#include "federation_document.h"

#include <gtest/gtest.h>

#include "crypto/encoding.h"
#include "x509/bundle_json.h"
#include "x509/ca.h"

namespace signet::server {
namespace {

TrustDomain domain() { return TrustDomain::parse("peer.org").value(); }

crypto::PrivateKey new_key() {
  return crypto::PrivateKey::generate(crypto::KeyType::kEcP256).value();
}

x509::Bundle bundle(std::int64_t now = 1'700'000'000) {
  x509::Bundle out(domain());
  x509::CaParams params;
  params.now = x509::from_unix(now);
  const auto key = new_key();
  out.x509_authorities = {
      {x509::self_sign_ca(domain(), params, crypto::PrivateKeySigner(key)).value(), false}};
  out.jwt_authorities = {{"kid", key.public_key().spki(), 0, false}};
  out.sequence_number = 4;
  out.refresh_hint = 60;
  return out;
}

std::string text(const x509::Bundle& bundle) { return x509::write_bundle_json(bundle).value(); }

TEST(FederatedDocument, Rule64IsTheBundleOfWhoeverWasAsked) {
  const x509::Bundle given = bundle();
  const auto read = read_federated_document(TrustDomain::parse("asked.org").value(), text(given));
  ASSERT_TRUE(read.ok()) << read.status().to_string();
  // The name is never taken from the document.
  EXPECT_EQ(read->trust_domain(), "asked.org");
  EXPECT_EQ(read->x509_authorities(0).asn1(),
            crypto::to_string(given.x509_authorities[0].certificate.der()));
  EXPECT_EQ(read->jwt_authorities(0).key_id(), "kid");
  EXPECT_EQ(read->sequence_number(), 4u);
  EXPECT_EQ(read->refresh_hint(), 60);
}

TEST(FederatedDocument, KeysThatAreNotUnderstoodAreSkipped) {
  std::string document = text(bundle());
  document.insert(document.find('[') + 1,
                  R"({"use":"quantum-svid","kty":"Q"},{"kty":"EC"},{"use":"x509-svid"},7,)");
  const auto read = read_federated_document(domain(), document);
  ASSERT_TRUE(read.ok()) << read.status().to_string();
  EXPECT_EQ(read->x509_authorities_size(), 1);
  EXPECT_EQ(read->jwt_authorities_size(), 1);
}

TEST(FederatedDocument, WithoutOneKeyThatCanBeUsedItIsRefused) {
  for (const char* document :
       {R"({"keys":[{"use":"quantum-svid"}]})", R"({"keys":[{}]})", R"({"keys":["x"]})"}) {
    EXPECT_FALSE(read_federated_document(domain(), document).ok()) << document;
  }
}

TEST(FederatedDocument, AnEmptyListRevokesEverything) {
  const auto read = read_federated_document(domain(), R"({"keys":[]})");
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->x509_authorities_size() + read->jwt_authorities_size(), 0);
}

TEST(FederatedDocument, HasAtMostAHundredKeys) {
  x509::Bundle many(domain());
  const auto spki = new_key().public_key().spki();
  for (int n = 0; n < 100; ++n) many.jwt_authorities.push_back({std::to_string(n), spki, 0, false});
  EXPECT_TRUE(read_federated_document(domain(), text(many)).ok());
  many.jwt_authorities.push_back({"one more", spki, 0, false});
  EXPECT_NE(read_federated_document(domain(), text(many)).status().message().find("100"),
            std::string::npos);
}

TEST(FederatedDocument, IsBoundedInSizeAndDepth) {
  const std::string good = R"({"keys":[]})";
  EXPECT_FALSE(read_federated_document(domain(), good + std::string(kMaxDocumentBytes, ' ')).ok());
  EXPECT_FALSE(read_federated_document(domain(), std::string(1'000'000, '[')).ok());
  EXPECT_FALSE(read_federated_document(domain(), R"({"keys":[],"a":)" + std::string(100, '[') +
                                                     std::string(100, ']') + "}")
                   .ok());
}

TEST(FederatedDocument, WhatIsNoDocumentIsRefused) {
  for (const char* document : {"", "{", "[]", "7", "null", "{}", R"({"keys":{}})", "<html></html>",
                               R"({"keys":[],"keys":[]})", "{\"keys\":[],\"a\":\"\xff\"}"}) {
    EXPECT_EQ(read_federated_document(domain(), document).status().code(), Code::kInvalidArgument)
        << document;
  }
}

TEST(FederatedDocument, NumbersOutOfRangeDoNoHarm) {
  for (const char* number : {"-1", "1e400", "\"7\"", "[]", "99999999999999999999999"}) {
    const auto read = read_federated_document(
        domain(), std::string(R"({"keys":[],"spiffe_refresh_hint":)") + number + "}");
    if (read.ok()) {
      EXPECT_GE(read->refresh_hint(), 0) << number;
    }
  }
}

TEST(FederatedDocument, TheOrderOfKeysDoesNotCount) {
  auto a = read_federated_document(domain(), text(bundle())).value();
  auto b = a;
  *b.add_jwt_authorities() = a.jwt_authorities(0);
  b.mutable_jwt_authorities(1)->set_key_id("other");
  EXPECT_FALSE(same_authorities(a, b));
  *a.add_jwt_authorities() = a.jwt_authorities(0);
  a.mutable_jwt_authorities(0)->set_key_id("other");
  EXPECT_TRUE(same_authorities(a, b));
}

}  // namespace
}  // namespace signet::server
