#include "x509/certificate.h"

#include "certificate_state.h"
#include "crypto/der_reader.h"
#include "extensions.h"
#include "x509/certificate_builder.h"

namespace signet::x509 {

const Bytes& Certificate::der() const { return state_->der; }
ByteView Certificate::tbs() const { return state_->tbs; }
ByteView Certificate::serial() const { return state_->serial; }
std::string Certificate::serial_decimal() const { return serial_to_decimal(state_->serial); }
ByteView Certificate::issuer_raw() const { return state_->issuer; }
ByteView Certificate::subject_raw() const { return state_->subject; }
bool Certificate::subject_empty() const { return state_->subject.size() == 2; }
Time Certificate::not_before() const { return state_->not_before; }
Time Certificate::not_after() const { return state_->not_after; }
ByteView Certificate::spki() const { return state_->spki; }
const Result<crypto::PublicKey>& Certificate::public_key() const { return state_->public_key; }
const SignatureAlgorithm& Certificate::signature_algorithm() const { return state_->algorithm; }
ByteView Certificate::signature() const { return state_->signature; }
const SubjectAltNames& Certificate::sans() const { return state_->sans; }
const std::optional<BasicConstraints>& Certificate::basic_constraints() const {
  return state_->basic_constraints;
}
std::optional<std::uint16_t> Certificate::key_usage() const { return state_->key_usage; }
bool Certificate::key_usage_critical() const { return state_->key_usage_critical; }
bool Certificate::has_ext_key_usage() const { return state_->has_ext_key_usage; }
bool Certificate::allows_server_auth() const { return state_->server_auth; }
bool Certificate::allows_client_auth() const { return state_->client_auth; }
bool Certificate::allows_any_usage() const { return state_->any_usage; }
ByteView Certificate::subject_key_id() const { return state_->subject_key_id; }
ByteView Certificate::authority_key_id() const { return state_->authority_key_id; }
bool Certificate::has_name_constraints() const { return state_->has_name_constraints; }
const std::vector<std::string>& Certificate::permitted_uri_hosts() const {
  return state_->permitted_uri_hosts;
}
const std::vector<std::string>& Certificate::unhandled_critical_extensions() const {
  return state_->unhandled_critical;
}
bool Certificate::self_issued() const { return crypto::equal(state_->issuer, state_->subject); }

Result<SpiffeId> Certificate::spiffe_id() const {
  // X509-SVID 2: exactly one URI SAN; more than one is refused. Counted before any is parsed.
  const std::vector<std::string>& uris = state_->sans.uris;
  if (uris.empty()) return Status::invalid_argument("certificate contains no URI SAN");
  if (uris.size() > 1)
    return Status::invalid_argument("certificate contains more than one URI SAN");
  auto id = SpiffeId::parse(uris[0]);
  if (!id) return id.status().prefixed("certificate contains an invalid SPIFFE ID");
  return id;
}

Status Certificate::check_signature_from(const crypto::PublicKey& issuer) const {
  return check_signature(issuer, state_->algorithm, state_->tbs, state_->signature);
}

Bytes concatenate(const std::vector<Certificate>& certificates) {
  Bytes all;
  for (const Certificate& certificate : certificates) {
    all.insert(all.end(), certificate.der().begin(), certificate.der().end());
  }
  return all;
}

Result<Bytes> key_id_of_spki(ByteView spki) {
  crypto::der::Reader top(spki);
  crypto::der::Reader info = top.sequence();
  info.sequence();
  const ByteView bits = info.bit_string_octets();
  if (!top.at_end() || !info.at_end()) {
    return Status::invalid_argument("public key is malformed").with("reason", "malformed");
  }
  return crypto::sha1(bits).bytes();
}

}  // namespace signet::x509
