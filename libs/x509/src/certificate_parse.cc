// From DER to Certificate::State.
#include "certificate_state.h"
#include "extensions.h"
#include "name_check.h"
#include "oids.h"

namespace signet::x509 {

namespace {

namespace der = crypto::der;

Status malformed(std::string_view field) {
  return Status::invalid_argument("certificate is malformed: " + std::string(field))
      .with("reason", "malformed");
}

bool has_reason(const Status& status, std::string_view reason) {
  for (const auto& [name, value] : status.fields()) {
    if (name == "reason" && value == reason) return true;
  }
  return false;
}

bool read_basic_constraints(ByteView value, bool critical, Certificate::State& out) {
  der::Reader top(value);
  der::Reader fields = top.sequence();
  BasicConstraints constraints;
  constraints.critical = critical;
  if (fields.next_is(der::kBoolean)) constraints.is_ca = fields.boolean();
  if (fields.next_is(der::kInteger)) {
    const auto length = fields.small_integer();
    // RFC 5280 4.2.1.9: pathLenConstraint only with cA.
    if (!length || *length > 1000 || !constraints.is_ca) return false;
    constraints.path_length = static_cast<unsigned>(*length);
  }
  out.basic_constraints = constraints;
  return top.at_end() && fields.at_end();
}

bool read_ext_key_usage(ByteView value, Certificate::State& out) {
  der::Reader top(value);
  der::Reader usages = top.sequence();
  if (!top.at_end() || usages.at_end()) return false;
  out.has_ext_key_usage = true;
  while (usages.ok() && !usages.at_end()) {
    const ByteView usage = usages.oid();
    if (crypto::equal(usage, oid::kServerAuth)) out.server_auth = true;
    if (crypto::equal(usage, oid::kClientAuth)) out.client_auth = true;
    if (crypto::equal(usage, oid::kAnyExtKeyUsage)) out.any_usage = true;
  }
  return usages.ok();
}

bool read_key_ids(ByteView oid, ByteView value, Certificate::State& out) {
  der::Reader top(value);
  if (crypto::equal(oid, oid::kSubjectKeyId)) {
    out.subject_key_id = top.octet_string();
    return top.at_end() && !out.subject_key_id.empty();
  }
  der::Reader fields = top.sequence();
  if (fields.next_is(der::context(0))) out.authority_key_id = fields.expect(der::context(0));
  while (fields.ok() && !fields.at_end()) fields.any();  // issuer and serial: not used
  return top.at_end() && fields.ok();
}

// Only what is processed in verification: hosts that URIs must have, each by its whole name.
// Whatever else there is makes the extension one that is not known.
bool read_permitted_uri_hosts(ByteView value, Certificate::State& out) {
  constexpr std::uint8_t kPermittedSubtrees = 0xa0;
  constexpr std::uint8_t kUri = 0x86;
  der::Reader top(value);
  der::Reader constraints = top.sequence();
  if (!constraints.next_is(kPermittedSubtrees)) return false;
  der::Reader subtrees(constraints.expect(kPermittedSubtrees));
  std::vector<std::string> hosts;
  while (subtrees.ok() && !subtrees.at_end()) {
    der::Reader subtree = subtrees.sequence();
    if (!subtree.next_is(kUri)) return false;
    hosts.emplace_back(crypto::as_text(subtree.expect(kUri)));
    // A leading dot means every host below that name.
    if (!subtree.at_end() || hosts.back().empty() || hosts.back().front() == '.') return false;
  }
  if (!top.at_end() || !constraints.at_end() || !subtrees.ok() || hosts.empty()) return false;
  out.permitted_uri_hosts = std::move(hosts);
  return true;
}

// One extension. False when it is malformed; one that is critical and not processed is noted.
bool read_extension(ByteView oid, bool critical, ByteView value, Certificate::State& out) {
  if (crypto::equal(oid, oid::kKeyUsage)) {
    der::Reader top(value);
    out.key_usage = top.named_bits();
    out.key_usage_critical = critical;
    return top.at_end();
  }
  if (crypto::equal(oid, oid::kBasicConstraints)) {
    return read_basic_constraints(value, critical, out);
  }
  if (crypto::equal(oid, oid::kExtKeyUsage)) return read_ext_key_usage(value, out);
  if (crypto::equal(oid, oid::kSubjectKeyId) || crypto::equal(oid, oid::kAuthorityKeyId)) {
    return read_key_ids(oid, value, out);
  }
  if (crypto::equal(oid, oid::kSubjectAltName)) {
    out.sans.critical = critical;
    if (!read_subject_alt_names(value, out.sans)) return false;
    const SubjectAltNames& s = out.sans;
    const bool none_known =
        s.uris.empty() && s.dns_names.empty() && s.emails.empty() && s.ip_addresses.empty();
    if (critical && none_known) out.unhandled_critical.push_back(oid_to_text(oid));
    return true;
  }
  // Without a demand for an explicit policy, RFC 5280 6.1 never fails on policies.
  if (crypto::equal(oid, oid::kCertificatePolicies)) return true;
  if (crypto::equal(oid, oid::kNameConstraints)) {
    if (read_permitted_uri_hosts(value, out)) return true;
    out.has_name_constraints = true;
  }
  if (critical) out.unhandled_critical.push_back(oid_to_text(oid));
  return true;
}

Status read_validity(der::Reader& tbs, Certificate::State& out) {
  der::Reader validity = tbs.sequence();
  const auto not_before = validity.time();
  const auto not_after = validity.time();
  if (!not_before || !not_after || !validity.at_end()) return malformed("validity");
  out.not_before = *not_before;
  out.not_after = *not_after;
  return {};
}

Status read_tbs(der::Reader tbs, ByteView outer_algorithm, Certificate::State& out) {
  std::uint64_t version = 0;
  if (tbs.next_is(der::context_constructed(0))) {
    der::Reader wrapped = tbs.nested(der::context_constructed(0));
    version = wrapped.small_integer().value_or(99);
    if (!wrapped.at_end() || version == 0) return malformed("version");
  }
  if (version > 2) return malformed("version");
  out.serial = tbs.unsigned_integer();
  // RFC 5280 4.1.2.2 allows 20 octets and asks readers to be graceful about more.
  if (!tbs.ok() || out.serial.size() > 64) return malformed("serial number");
  // RFC 5280 4.1.1.2: the same algorithm inside and outside.
  if (!crypto::equal(tbs.expect_full(der::kSequence), outer_algorithm)) {
    return malformed("signature algorithms differ");
  }
  out.issuer = tbs.expect_full(der::kSequence);
  if (!is_name(out.issuer)) return malformed("issuer");
  SIGNET_RETURN_IF_ERROR(read_validity(tbs, out));
  out.subject = tbs.expect_full(der::kSequence);
  if (!is_name(out.subject)) return malformed("subject");
  out.spki = tbs.expect_full(der::kSequence);
  if (!tbs.ok()) return malformed("public key");
  for (std::uint8_t unique_id : {der::context(1), der::context(2)}) {
    if (tbs.next_is(unique_id)) {
      if (version == 0) return malformed("unique identifier");
      tbs.expect(unique_id);
    }
  }
  if (tbs.next_is(der::context_constructed(3))) {
    der::Reader wrapped = tbs.nested(der::context_constructed(3));
    der::Reader list = wrapped.sequence();
    std::string broken = "extensions";
    const bool good = version == 2 && wrapped.at_end() && list.ok() && !list.at_end() &&
                      read_extensions(list, [&](ByteView oid, bool critical, ByteView value) {
                        if (read_extension(oid, critical, value, out)) return true;
                        broken = "extension " + oid_to_text(oid);
                        return false;
                      });
    if (!good) return malformed(broken);
  }
  return tbs.at_end() ? Status() : malformed("trailing data");
}

// Parses one certificate at the start of `bytes`.
Result<std::shared_ptr<Certificate::State>> read_one(ByteView bytes) {
  der::Reader input(bytes);
  const ByteView full = input.expect_full(der::kSequence);
  if (!input.ok()) return malformed("not a DER sequence");
  if (full.size() > kMaxCertificateBytes) {
    return Status::invalid_argument("certificate is larger than 100 KiB").with("reason", "limit");
  }
  auto state = std::make_shared<Certificate::State>();
  state->der = crypto::to_bytes(full);
  der::Reader top(state->der);
  der::Reader certificate = top.sequence();
  state->tbs = certificate.expect_full(der::kSequence);
  const ByteView algorithm = certificate.expect_full(der::kSequence);
  state->signature = certificate.bit_string_octets();
  if (!certificate.at_end()) return malformed("outer structure");
  if (!read_signature_algorithm(algorithm, state->algorithm)) {
    return malformed("signature algorithm");
  }
  der::Reader tbs(state->tbs);
  SIGNET_RETURN_IF_ERROR(read_tbs(tbs.sequence(), algorithm, *state));
  state->public_key = crypto::PublicKey::from_spki(state->spki);
  // A key of a kind that we do not use is no fault of the certificate; one that is no key is.
  if (!state->public_key && has_reason(state->public_key.status(), "malformed")) {
    return malformed("public key");
  }
  return state;
}

}  // namespace

Result<Certificate> Certificate::parse(ByteView der) {
  SIGNET_TRY(std::shared_ptr<State> state, read_one(der));
  if (state->der.size() != der.size()) return malformed("trailing data");
  return Certificate(std::move(state));
}

Result<std::vector<Certificate>> Certificate::parse_concatenated(ByteView der, std::size_t max) {
  std::vector<Certificate> certificates;
  while (!der.empty()) {
    if (certificates.size() == max) {
      return Status::invalid_argument("too many certificates").with("reason", "limit");
    }
    auto state = read_one(der);
    if (!state) {
      return state.status().prefixed("certificate " + std::to_string(certificates.size()));
    }
    der = der.subspan((*state)->der.size());
    certificates.push_back(Certificate(*std::move(state)));
  }
  return certificates;
}

}  // namespace signet::x509
