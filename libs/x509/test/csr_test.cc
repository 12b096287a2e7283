#include "x509/csr.h"

#include <gtest/gtest.h>

#include "pki.h"

namespace signet::x509::test {
namespace {

TEST(Csr, TellsMalformedFromABadSignature) {
  Bytes der = create_csr({}, new_key()).value();
  ASSERT_TRUE(Csr::parse_and_verify(der).ok());
  Bytes flipped = der;
  flipped.back() ^= 1;
  EXPECT_EQ(reason(Csr::parse_and_verify(flipped).status()), "signature");
  EXPECT_TRUE(Csr::parse(flipped).ok());
  der.push_back(0);
  EXPECT_EQ(reason(Csr::parse_and_verify(der).status()), "malformed");
  EXPECT_EQ(reason(Csr::parse(Bytes(70000)).status()), "malformed");
  EXPECT_EQ(reason(Csr::parse({}).status()), "malformed");
}

TEST(Csr, NoCutOrFlippedByteIsTakenForAValidRequest) {
  CsrTemplate request;
  request.uris = {"spiffe://example.org/a"};
  request.dns_names = {"a.example.org"};
  const Bytes der = create_csr(request, new_key()).value();
  for (std::size_t i = 0; i < der.size(); ++i) {
    EXPECT_FALSE(Csr::parse(ByteView(der).first(i)).ok());
    Bytes changed = der;
    changed[i] ^= 0x10;
    EXPECT_FALSE(Csr::parse_and_verify(changed).ok()) << i;
  }
}

TEST(Csr, RequestsOfEveryKeyTypeVerify) {
  for (auto type :
       {crypto::KeyType::kEcP256, crypto::KeyType::kEcP384, crypto::KeyType::kRsa2048}) {
    const auto key = crypto::PrivateKey::generate(type).value();
    const auto csr = Csr::parse_and_verify(create_csr({}, key).value());
    ASSERT_TRUE(csr.ok());
    EXPECT_TRUE(csr->public_key() == key.public_key());
    EXPECT_EQ(name_to_text(csr->subject_raw()), "O=SPIRE,C=US");
  }
}

TEST(Csr, SignerThatFailsIsHeard) {
  struct Broken final : crypto::Signer {
    crypto::PrivateKey key = new_key();
    crypto::KeyType key_type() const override { return key.type(); }
    const Bytes& spki() const override { return key.public_key().spki(); }
    Result<Bytes> sign(crypto::Hash, ByteView, crypto::RsaPadding) const override {
      return Status::unavailable("key manager is away");
    }
  };
  EXPECT_EQ(create_csr({}, Broken()).status().code(), Code::kUnavailable);
}

}  // namespace
}  // namespace signet::x509::test
