#include "x509/svid_issuer.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "crypto/der_writer.h"
#include "crypto/random.h"
#include "extension_writer.h"

namespace signet::x509 {

namespace {

namespace der = crypto::der;

constexpr std::uint16_t kSvidUsage = kDigitalSignature | kKeyEncipherment | kKeyAgreement;

// The leaf's extensions up to the subject key ID: the same in every SVID.
Bytes usages() {
  der::Writer out;
  put_key_usage(out, kSvidUsage);
  put_ext_key_usage(out, true, true);
  put_basic_constraints(out, BasicConstraints{false, std::nullopt, true});
  return std::move(out).take();
}

using Serial = decltype(IssuedSvid::serial);

// Serial numbers are public, so each thread draws many at a time: one call of OpenSSL's generator
// costs as much as all the rest of prepare().
Serial draw_serial() {
  constexpr std::size_t kDrawn = 64;
  thread_local std::array<std::uint8_t, kDrawn * sizeof(Serial)> drawn;
  thread_local std::size_t used = sizeof drawn;
  Serial serial;
  do {
    if (used == sizeof drawn) {
      crypto::random_fill(drawn);
      used = 0;
    }
    std::copy_n(drawn.begin() + static_cast<std::ptrdiff_t>(used), serial.size(), serial.begin());
    used += serial.size();
  } while (std::all_of(serial.begin(), serial.end(), [](auto b) { return b == 0; }));
  return serial;
}

}  // namespace

SvidIssuer::SvidIssuer(Certificate ca, std::shared_ptr<const crypto::Signer> signer)
    : ca_(std::move(ca)),
      signer_(std::move(signer)),
      key_type_(signer_->key_type()),
      hash_(crypto::default_hash(key_type_)),
      default_subject_(Name::spire().encode()),
      usages_(usages()) {
  der::Writer algorithm;
  put_signature_algorithm(algorithm, key_type_);
  algorithm_ = std::move(algorithm).take();
  if (!ca_.subject_key_id().empty()) {
    der::Writer id;
    put_authority_key_id(id, ca_.subject_key_id());
    authority_key_id_ = std::move(id).take();
  }
}

Result<SvidIssuer> SvidIssuer::make(Certificate ca, std::shared_ptr<const crypto::Signer> signer) {
  if (!ca.is_ca() || !ca.key_usage() || (*ca.key_usage() & kKeyCertSign) == 0) {
    return Status::invalid_argument("X.509 authority's certificate cannot sign certificates");
  }
  if (!crypto::equal(ca.spki(), signer->spki())) {
    return Status::invalid_argument("X.509 authority's certificate has another key");
  }
  return SvidIssuer(std::move(ca), std::move(signer));
}

Result<SvidIssuer::Prepared> SvidIssuer::prepare(const SvidParams& params) const {
  if (params.now >= ca_.not_after()) {
    return Status::failed_precondition("X.509 authority has expired");
  }
  Prepared prepared;
  IssuedSvid& svid = prepared.svid;
  svid.serial = draw_serial();
  svid.not_before = params.now - kNotBeforeBackdate;
  svid.not_after = std::min(params.now + params.ttl, ca_.not_after());
  SIGNET_TRY(const Bytes key_id, key_id_of_spki(params.spki));

  Bytes own_subject;
  if (params.subject != nullptr || !params.dns_names.empty()) {
    Name name = params.subject != nullptr ? *params.subject : Name::spire();
    if (!params.dns_names.empty()) name.common_name = params.dns_names[0];
    own_subject = name.encode();
  }
  const Bytes& subject = own_subject.empty() ? default_subject_ : own_subject;

  der::Writer out(768 + params.spki.size());
  out.sequence([&] {
    out.nested(der::context_constructed(0), [&] { out.small_integer(2); });  // v3
    out.unsigned_integer(svid.serial);
    out.raw(algorithm_);
    out.raw(ca_.subject_raw());
    out.sequence([&] {
      out.time(svid.not_before);
      out.time(svid.not_after);
    });
    out.raw(subject);
    out.raw(params.spki);
    out.nested(der::context_constructed(3), [&] {
      out.sequence([&] {
        out.raw(usages_);
        put_subject_key_id(out, key_id);
        out.raw(authority_key_id_);
        // RFC 5280 4.2.1.6: critical when the subject is empty.
        put_subject_alt_name(out, params.dns_names, {&params.spiffe_id, 1}, subject.size() <= 2);
      });
    });
  });
  prepared.tbs = std::move(out).take();
  return prepared;
}

Bytes SvidIssuer::assemble(ByteView tbs, ByteView signature) const {
  der::Writer out(tbs.size() + algorithm_.size() + signature.size() + 16);
  out.sequence([&] {
    out.raw(tbs);
    out.raw(algorithm_);
    out.bit_string(signature);
  });
  return std::move(out).take();
}

Result<IssuedSvid> SvidIssuer::issue(const SvidParams& params) const {
  SIGNET_TRY(Prepared prepared, prepare(params));
  SIGNET_TRY(const Bytes signature,
             signer_->sign(hash_, crypto::digest(hash_, prepared.tbs), crypto::RsaPadding::kPkcs1));
  prepared.svid.der = assemble(prepared.tbs, signature);
  return std::move(prepared.svid);
}

}  // namespace signet::x509
