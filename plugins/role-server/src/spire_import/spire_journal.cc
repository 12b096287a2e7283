#include "spire_import/spire_journal.h"

#include "crypto/bytes.h"
#include "crypto/encoding.h"
#include "crypto/key.h"
#include "x509/certificate.h"

namespace signet::server {
namespace {

namespace peer = signet::spire_database::v1;
using Journal = signet::store::v1::Journal;

// Without a status it is of a SPIRE that knew none: it signs no more, but may be tainted.
Journal::Status status_of(std::int32_t number) {
  return number == Journal::PREPARED || number == Journal::ACTIVE
             ? static_cast<Journal::Status>(number)
             : Journal::OLD;
}

template <typename From>
Status copy_common(const From& from, const char* key_prefix, Journal::Authority& out) {
  if (from.slot() != "A" && from.slot() != "B") {
    return Status::invalid_argument("data has an authority in slot \"" + from.slot() + "\"");
  }
  out.set_slot(from.slot());
  out.set_issued_at(from.issued_at());
  out.set_not_after(from.not_after());
  out.set_status(status_of(from.status()));
  out.set_key_id(key_prefix + from.slot());
  return {};
}

Status copy_x509(const peer::Journal::X509Authority& from, Journal::Authority& out) {
  SIGNET_RETURN_IF_ERROR(copy_common(from, "x509-CA-", out));
  const auto certificate = x509::Certificate::parse(crypto::as_bytes(from.certificate()));
  if (!certificate) return certificate.status().prefixed("data has a malformed certificate");
  out.set_authority_id(crypto::hex_encode(certificate->subject_key_id()));
  out.set_certificate(from.certificate());
  out.set_public_key(std::string(crypto::as_text(certificate->spki())));
  if (out.not_after() == 0) out.set_not_after(x509::to_unix(certificate->not_after()));
  for (const std::string& der : from.upstream_chain()) {
    const auto link = x509::Certificate::parse(crypto::as_bytes(der));
    if (!link) return link.status().prefixed("data has a malformed upstream chain");
    out.add_upstream_chain(der);
    // SPIRE's is the key of the next certificate; ours that of the root, which the bundle has.
    out.set_upstream_authority_id(crypto::hex_encode(link->authority_key_id()));
  }
  return {};
}

Status copy_token(const peer::Journal::TokenAuthority& from, const char* key_prefix,
                  Journal::Authority& out) {
  SIGNET_RETURN_IF_ERROR(copy_common(from, key_prefix, out));
  if (!crypto::PublicKey::from_spki(crypto::as_bytes(from.public_key()))) {
    return Status::invalid_argument("data has a malformed key \"" + from.kid() + "\"");
  }
  out.set_authority_id(from.kid());
  out.set_public_key(from.public_key());
  return {};
}

}  // namespace

Result<Journal> convert_journal(const peer::Journal& from) {
  Journal journal;
  for (const auto& one : from.x509()) {
    SIGNET_RETURN_IF_ERROR(copy_x509(one, *journal.add_x509()));
  }
  for (const auto& one : from.jwt()) {
    SIGNET_RETURN_IF_ERROR(copy_token(one, "JWT-Signer-", *journal.add_jwt()));
  }
  for (const auto& one : from.wit()) {
    SIGNET_RETURN_IF_ERROR(copy_token(one, "WIT-Signer-", *journal.add_wit()));
  }
  return journal;
}

}  // namespace signet::server
