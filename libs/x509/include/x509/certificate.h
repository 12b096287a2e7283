// Certificate: a parsed X.509 v3 certificate over DER that it owns.
//
// Immutable and shared: copies cost a reference. Parsing reads every field that identity rests
// on and refuses what strict DER refuses; it judges nothing (see verify.h).
// Source: RFC 5280 4.1, 4.2.
#pragma once

#include <memory>
#include <optional>

#include "signet/spiffe_id.h"

#include "crypto/key.h"
#include "x509/name.h"
#include "x509/time.h"

namespace signet::x509 {

inline constexpr std::size_t kMaxCertificateBytes = 100 * 1024;  // one, and a chain in all
inline constexpr std::size_t kMaxChainLength = 10;

// Bits of keyUsage, RFC 5280 4.2.1.3.
enum KeyUsage : std::uint16_t {
  kDigitalSignature = 1 << 0,
  kContentCommitment = 1 << 1,
  kKeyEncipherment = 1 << 2,
  kDataEncipherment = 1 << 3,
  kKeyAgreement = 1 << 4,
  kKeyCertSign = 1 << 5,
  kCrlSign = 1 << 6,
  kEncipherOnly = 1 << 7,
  kDecipherOnly = 1 << 8,
};

struct SignatureAlgorithm {
  bool rsa = false;
  crypto::Hash hash = crypto::Hash::kSha256;
  crypto::RsaPadding padding = crypto::RsaPadding::kPkcs1;
  bool supported = true;  // false: an algorithm we do not verify, such as SHA-1 with RSA
};

struct BasicConstraints {
  bool is_ca = false;
  std::optional<unsigned> path_length;
  bool critical = false;
};

struct SubjectAltNames {
  std::vector<std::string> uris;
  std::vector<std::string> dns_names;
  std::vector<std::string> emails;
  std::vector<Bytes> ip_addresses;
  bool has_other = false;  // a kind that is not read: otherName, directoryName ...
  bool critical = false;
};

class Certificate {
 public:
  /// Reads exactly one certificate. Errors   kInvalidArgument, saying which field is malformed
  static Result<Certificate> parse(ByteView der);
  /// Reads certificates one after the other, at most `max` of them and kMaxCertificateBytes each.
  static Result<std::vector<Certificate>> parse_concatenated(ByteView der, std::size_t max = 1000);

  const Bytes& der() const;
  ByteView tbs() const;                // what is signed, with tag and length
  ByteView serial() const;             // big-endian magnitude without leading zeros
  std::string serial_decimal() const;  // as SPIRE prints serial numbers
  ByteView issuer_raw() const;         // DER Name
  ByteView subject_raw() const;        // DER Name
  bool subject_empty() const;
  Time not_before() const;
  Time not_after() const;
  ByteView spki() const;  // DER
  /// The public key; refused when rules for keys refuse it (crypto/key.h).
  const Result<crypto::PublicKey>& public_key() const;
  const SignatureAlgorithm& signature_algorithm() const;
  ByteView signature() const;

  const SubjectAltNames& sans() const;
  const std::vector<std::string>& uris() const { return sans().uris; }
  const std::vector<std::string>& dns_names() const { return sans().dns_names; }
  /// The only URI SAN as a SPIFFE ID. Errors   kInvalidArgument
  Result<SpiffeId> spiffe_id() const;
  const std::optional<BasicConstraints>& basic_constraints() const;
  bool is_ca() const { return basic_constraints() && basic_constraints()->is_ca; }
  std::optional<std::uint16_t> key_usage() const;  // bits of KeyUsage
  bool key_usage_critical() const;
  bool has_ext_key_usage() const;
  bool allows_server_auth() const;  // by extKeyUsage; false when the extension is absent
  bool allows_client_auth() const;
  bool allows_any_usage() const;
  ByteView subject_key_id() const;    // empty when absent
  ByteView authority_key_id() const;  // keyIdentifier only; empty when absent
  /// Name constraints other than those of permitted_uri_hosts().
  bool has_name_constraints() const;
  /// RFC 5280 4.2.1.10: hosts that URIs below this certificate must have; empty: any.
  const std::vector<std::string>& permitted_uri_hosts() const;
  /// OIDs (dotted) of critical extensions that a validator here does not process.
  const std::vector<std::string>& unhandled_critical_extensions() const;
  bool self_issued() const;  // issuer equals subject, byte for byte

  /// The signature of *this by `issuer`'s key. Errors   kInvalidArgument
  Status check_signature_from(const crypto::PublicKey& issuer) const;

  bool operator==(const Certificate& other) const { return der() == other.der(); }

  struct State;
  explicit Certificate(std::shared_ptr<const State> state) : state_(std::move(state)) {}

 private:
  std::shared_ptr<const State> state_;
};

/// The DER of all, one after the other (Workload API: leaf first).
Bytes concatenate(const std::vector<Certificate>& certificates);
/// SHA-1 of the key's BIT STRING contents (RFC 5280 4.2.1.2, method 1), 20 bytes: subject key ID
/// and, in lower-case hex, the authority ID of an X.509 authority.
/// Errors   kInvalidArgument when `spki` is not a SubjectPublicKeyInfo
Result<Bytes> key_id_of_spki(ByteView spki);

}  // namespace signet::x509
