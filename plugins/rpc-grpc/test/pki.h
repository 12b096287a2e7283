// Keys and certificates for the tests, made with OpenSSL's objects.
#pragma once

#include <memory>
#include <string>

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

namespace signet::test {

struct Certified {
  std::shared_ptr<EVP_PKEY> key;
  std::shared_ptr<X509> certificate;
  std::string der;    // the certificate
  std::string pkcs8;  // the key
};

inline std::string der_of(X509* c) {
  unsigned char* data = nullptr;
  const int n = i2d_X509(c, &data);
  std::string out(reinterpret_cast<char*>(data), static_cast<std::size_t>(n));
  OPENSSL_free(data);
  return out;
}

/// issuer == nullptr: self-signed. uri: the URI SAN, "" for a CA.
inline Certified make_certificate(const std::string& name, const std::string& uri,
                                  const Certified* issuer) {
  static int serial = 1;
  Certified out;
  out.key.reset(EVP_EC_gen("P-256"), EVP_PKEY_free);
  out.certificate.reset(X509_new(), X509_free);
  X509* c = out.certificate.get();
  X509_set_version(c, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(c), serial++);
  X509_gmtime_adj(X509_getm_notBefore(c), -60);
  X509_gmtime_adj(X509_getm_notAfter(c), 3600);
  X509_set_pubkey(c, out.key.get());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(c), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  X509_set_issuer_name(c, X509_get_subject_name(issuer ? issuer->certificate.get() : c));
  const auto add = [&](int nid, const std::string& value) {
    X509_EXTENSION* e = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str());
    X509_add_ext(c, e, -1);
    X509_EXTENSION_free(e);
  };
  add(NID_basic_constraints, uri.empty() ? "critical,CA:TRUE" : "critical,CA:FALSE");
  if (!uri.empty()) add(NID_subject_alt_name, "URI:" + uri);
  X509_sign(c, issuer ? issuer->key.get() : out.key.get(), EVP_sha256());
  out.der = der_of(c);
  PKCS8_PRIV_KEY_INFO* p8 = EVP_PKEY2PKCS8(out.key.get());
  unsigned char* data = nullptr;
  const int n = i2d_PKCS8_PRIV_KEY_INFO(p8, &data);
  out.pkcs8.assign(reinterpret_cast<char*>(data), static_cast<std::size_t>(n));
  OPENSSL_free(data);
  PKCS8_PRIV_KEY_INFO_free(p8);
  return out;
}

}  // namespace signet::test
