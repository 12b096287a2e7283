// Our parsers against OpenSSL's objects over certificates and requests that OpenSSL made, whole
// and mutated: what we accept OpenSSL accepts, and both read the same.
#include <random>

#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "pki.h"

namespace signet::x509::test {
namespace {

struct Free {
  void operator()(X509* p) const { X509_free(p); }
  void operator()(X509_REQ* p) const { X509_REQ_free(p); }
  void operator()(EVP_PKEY* p) const { EVP_PKEY_free(p); }
};
template <typename T>
using Ptr = std::unique_ptr<T, Free>;

template <typename T, typename I2d>
Bytes der_of(T* object, I2d i2d) {
  unsigned char* der = nullptr;
  const int size = i2d(object, &der);
  Bytes bytes(der, der + size);
  OPENSSL_free(der);
  return bytes;
}

Ptr<EVP_PKEY> make_key(int kind) {
  return Ptr<EVP_PKEY>(kind == 0   ? EVP_EC_gen("P-256")
                       : kind == 1 ? EVP_EC_gen("P-384")
                       : kind == 2 ? EVP_EC_gen("P-521")
                                   : EVP_RSA_gen(2048));
}

void add_extension(X509* certificate, int nid, const char* value) {
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value);
  ASSERT_NE(extension, nullptr);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

const EVP_MD* digest_for(int kind) { return kind == 1 ? EVP_sha384() : EVP_sha256(); }

Bytes openssl_certificate(int kind, bool ca, const EVP_MD* digest) {
  const Ptr<EVP_PKEY> key = make_key(kind);
  const Ptr<X509> certificate(X509_new());
  X509_set_version(certificate.get(), 2);
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate.get()), 0xfedcba9876543210u);
  X509_NAME* name = X509_get_subject_name(certificate.get());
  const auto* text = reinterpret_cast<const unsigned char*>("Signet test \xc3\xa9");
  X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8, text, -1, -1, 0);
  X509_set_issuer_name(certificate.get(), name);
  ASN1_TIME_set(X509_getm_notBefore(certificate.get()), to_unix(kNow) - 10);
  ASN1_TIME_set(X509_getm_notAfter(certificate.get()),
                to_unix(kNow) + (ca ? 40LL * 365 * 86400 : 3600));
  X509_set_pubkey(certificate.get(), key.get());
  add_extension(certificate.get(), NID_basic_constraints,
                ca ? "critical,CA:TRUE,pathlen:3" : "critical,CA:FALSE");
  add_extension(certificate.get(), NID_key_usage,
                ca ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature,decipherOnly");
  if (!ca) add_extension(certificate.get(), NID_ext_key_usage, "serverAuth,clientAuth");
  add_extension(certificate.get(), NID_subject_alt_name,
                "URI:spiffe://example.org/x,DNS:a.example.org,IP:10.0.0.1,email:a@b");
  EXPECT_NE(X509_sign(certificate.get(), key.get(), digest), 0);
  return der_of(certificate.get(), i2d_X509);
}

Bytes openssl_request(int kind, const EVP_MD* digest) {
  const Ptr<EVP_PKEY> key = make_key(kind);
  const Ptr<X509_REQ> request(X509_REQ_new());
  X509_REQ_set_pubkey(request.get(), key.get());
  STACK_OF(X509_EXTENSION)* extensions = sk_X509_EXTENSION_new_null();
  sk_X509_EXTENSION_push(extensions, X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name,
                                                         "URI:spiffe://example.org/x"));
  X509_REQ_add_extensions(request.get(), extensions);
  sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
  EXPECT_NE(X509_REQ_sign(request.get(), key.get(), digest), 0);
  return der_of(request.get(), i2d_X509_REQ);
}

Ptr<X509> openssl_parse(ByteView der) {
  const unsigned char* at = der.data();
  Ptr<X509> certificate(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
  return at == der.data() + der.size() ? std::move(certificate) : nullptr;
}

void expect_same(const Certificate& ours, X509* theirs) {
  EXPECT_EQ(crypto::to_bytes(ours.subject_raw()),
            der_of(X509_get_subject_name(theirs), i2d_X509_NAME));
  EXPECT_EQ(crypto::to_bytes(ours.issuer_raw()),
            der_of(X509_get_issuer_name(theirs), i2d_X509_NAME));
  BIGNUM* number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(theirs), nullptr);
  char* decimal = BN_bn2dec(number);
  EXPECT_EQ(ours.serial_decimal(), decimal);
  OPENSSL_free(decimal);
  BN_free(number);
  EXPECT_EQ(ASN1_TIME_cmp_time_t(X509_get0_notBefore(theirs), to_unix(ours.not_before())), 0);
  EXPECT_EQ(ASN1_TIME_cmp_time_t(X509_get0_notAfter(theirs), to_unix(ours.not_after())), 0);
  EXPECT_EQ((X509_get_extension_flags(theirs) & EXFLAG_CA) != 0, ours.is_ca());
}

class Differential : public ::testing::TestWithParam<int> {};

TEST_P(Differential, CertificatesOfOpensslReadTheSame) {
  for (bool ca : {false, true}) {
    const Bytes der = openssl_certificate(GetParam(), ca, digest_for(GetParam()));
    const auto ours = Certificate::parse(der);
    ASSERT_TRUE(ours.ok()) << ours.status().to_string();
    expect_same(*ours, openssl_parse(der).get());
    EXPECT_TRUE(ours->check_signature_from(*ours->public_key()).ok());
    EXPECT_EQ(ours->uris(), std::vector<std::string>{"spiffe://example.org/x"});
    EXPECT_EQ(ours->dns_names(), std::vector<std::string>{"a.example.org"});
    EXPECT_EQ(ours->sans().ip_addresses, std::vector<Bytes>{(Bytes{10, 0, 0, 1})});
    EXPECT_EQ(*ours->key_usage(), ca ? kKeyCertSign | kCrlSign : kDigitalSignature | kDecipherOnly);
  }
}

TEST_P(Differential, RequestsOfOpensslVerify) {
  const Bytes der = openssl_request(GetParam(), digest_for(GetParam()));
  const auto csr = Csr::parse_and_verify(der);
  ASSERT_TRUE(csr.ok()) << csr.status().to_string();
  EXPECT_EQ(csr->uris(), std::vector<std::string>{"spiffe://example.org/x"});
}

TEST_P(Differential, NothingThatIsSignedOverSha1IsBelieved) {
  const Bytes der = openssl_certificate(GetParam(), true, EVP_sha1());
  const Ptr<X509> theirs = openssl_parse(der);
  const Ptr<EVP_PKEY> key(X509_get_pubkey(theirs.get()));
  ASSERT_EQ(X509_verify(theirs.get(), key.get()), 1) << "but for its digest it is good";
  const auto ours = Certificate::parse(der);
  EXPECT_FALSE(ours.ok() && ours->check_signature_from(*ours->public_key()).ok());
  EXPECT_FALSE(Csr::parse_and_verify(openssl_request(GetParam(), EVP_sha1())).ok());
}

// One byte changed, cut or put in.
Bytes mutated(Bytes der, std::mt19937& random) {
  const auto at = static_cast<std::ptrdiff_t>(random() % der.size());
  switch (random() % 3) {
    case 0:
      der[static_cast<std::size_t>(at)] = static_cast<std::uint8_t>(random());
      break;
    case 1:
      der.erase(der.begin() + at);
      break;
    default:
      der.insert(der.begin() + at, static_cast<std::uint8_t>(random()));
  }
  return der;
}

// We may be stricter than OpenSSL, never laxer.
TEST_P(Differential, WhatWeAcceptOfMutationsOpensslAcceptsAndReadsTheSame) {
  std::mt19937 random(static_cast<unsigned>(GetParam()) + 1);  // fixed seed: failures repeat
  const Bytes original = openssl_certificate(GetParam(), true, digest_for(GetParam()));
  int accepted = 0;
  for (int i = 0; i < 3000; ++i) {
    const Bytes der = mutated(original, random);
    const auto ours = Certificate::parse(der);
    if (!ours) continue;
    ++accepted;
    const Ptr<X509> theirs = openssl_parse(der);
    ASSERT_TRUE(theirs) << crypto::hex_encode(der);
    expect_same(*ours, theirs.get());
  }
  EXPECT_GT(accepted, 100);  // names, keys and signatures may change without breaking the form
}

TEST_P(Differential, WhatWeAcceptOfMutatedRequestsOpensslAcceptsAndReadsTheSame) {
  std::mt19937 random(static_cast<unsigned>(GetParam()) + 11);
  const Bytes original = openssl_request(GetParam(), digest_for(GetParam()));
  int accepted = 0;
  for (int i = 0; i < 3000; ++i) {
    const Bytes der = mutated(original, random);
    const auto ours = Csr::parse(der);
    if (!ours) continue;
    ++accepted;
    const unsigned char* at = der.data();
    const Ptr<X509_REQ> theirs(d2i_X509_REQ(nullptr, &at, static_cast<long>(der.size())));
    ASSERT_TRUE(theirs && at == der.data() + der.size()) << crypto::hex_encode(der);
    EXPECT_EQ(crypto::to_bytes(ours->subject_raw()),
              der_of(X509_REQ_get_subject_name(theirs.get()), i2d_X509_NAME));
    EVP_PKEY* const key = X509_REQ_get0_pubkey(theirs.get());
    ASSERT_NE(key, nullptr) << crypto::hex_encode(der);
    EXPECT_EQ(ours->public_key().spki(), der_of(key, i2d_PUBKEY));
    EXPECT_EQ(ours->check_signature().ok(), X509_REQ_verify(theirs.get(), key) == 1)
        << crypto::hex_encode(der);
    EXPECT_TRUE(der == original || !ours->check_signature().ok());
  }
  EXPECT_GT(accepted, 100);
}

TEST_P(Differential, OpensslReadsWhatWeWrite) {
  static const crypto::KeyType kTypes[] = {crypto::KeyType::kEcP256, crypto::KeyType::kEcP384,
                                           crypto::KeyType::kRsa2048, crypto::KeyType::kEcP256};
  const crypto::PrivateKeySigner key(crypto::PrivateKey::generate(kTypes[GetParam()]).value());
  const Certificate ours = self_sign_ca(domain(), Authority::params(kNow), key).value();
  const Ptr<X509> theirs = openssl_parse(ours.der());
  ASSERT_TRUE(theirs);
  expect_same(ours, theirs.get());
  const Ptr<EVP_PKEY> public_key(X509_get_pubkey(theirs.get()));
  EXPECT_EQ(X509_verify(theirs.get(), public_key.get()), 1);
}

std::string kind_name(const ::testing::TestParamInfo<int>& kind) {
  static const char* const kNames[] = {"P256", "P384", "P521", "Rsa"};
  return kNames[kind.param];
}
INSTANTIATE_TEST_SUITE_P(Keys, Differential, ::testing::Values(0, 1, 2, 3), kind_name);

}  // namespace
}  // namespace signet::x509::test
