// Csr: a PKCS#10 certification request (RFC 2986), parsed over DER that it owns, and the writer
// of one.
#pragma once

#include "crypto/signer.h"
#include "x509/certificate.h"

namespace signet::x509 {

class Csr {
 public:
  static constexpr std::size_t kMaxBytes = 64 * 1024;

  /// Reads a CSR without checking its signature.
  /// Errors   kInvalidArgument; field `reason`: "malformed" or, for the key, "unsupported", "weak"
  static Result<Csr> parse(ByteView der);
  /// Reads a CSR and checks that its key signed it: the proof of possession.
  /// Errors   as parse(), and `reason` "signature"
  static Result<Csr> parse_and_verify(ByteView der);

  Status check_signature() const;  // kInvalidArgument, `reason` "signature"

  const Bytes& der() const { return der_; }
  const crypto::PublicKey& public_key() const { return public_key_; }
  ByteView subject_raw() const { return slice(subject_); }  // DER Name
  const SubjectAltNames& sans() const { return sans_; }
  const std::vector<std::string>& uris() const { return sans_.uris; }
  const std::vector<std::string>& dns_names() const { return sans_.dns_names; }

 private:
  struct Slice {
    std::size_t at = 0;
    std::size_t size = 0;
  };
  explicit Csr(crypto::PublicKey key) : public_key_(std::move(key)) {}
  ByteView slice(Slice s) const { return ByteView(der_).subspan(s.at, s.size); }

  Bytes der_;
  crypto::PublicKey public_key_;
  Slice info_, subject_, signature_;
  SignatureAlgorithm algorithm_;
  SubjectAltNames sans_;
};

struct CsrTemplate {
  Name subject = Name::spire();
  std::vector<std::string> uris = {};
  std::vector<std::string> dns_names = {};
};

/// Makes a CSR signed by `signer` with the hash that goes with its key. DER.
Result<Bytes> create_csr(const CsrTemplate& request, const crypto::Signer& signer);
Result<Bytes> create_csr(const CsrTemplate& request, const crypto::PrivateKey& key);

}  // namespace signet::x509
