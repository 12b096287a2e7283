#include "cli/print_bundle.h"

#include "cli/go_text.h"
#include "x509/bundle_json.h"
#include "x509/pem.h"
#include "x509/strict_json.h"

namespace signet::server::cli {
namespace {

namespace types = ::spire::api::types;

Result<std::string> pem_text(const types::Bundle& bundle) {
  std::string text;
  for (const auto& authority : bundle.x509_authorities()) {
    const auto certificates =
        x509::Certificate::parse_concatenated(crypto::as_bytes(authority.asn1()));
    if (!certificates) {
      return certificates.status().prefixed("unable to parse certificates ASN.1 DER data");
    }
    text += x509::write_pem(*certificates);
  }
  return text;
}

Result<std::string> document_text(const types::Bundle& message) {
  SIGNET_TRY(TrustDomain domain, TrustDomain::parse_name_or_id(message.trust_domain()));
  x509::Bundle bundle(std::move(domain));
  for (int i = 0; i < message.x509_authorities_size(); ++i) {
    auto certificate =
        x509::Certificate::parse(crypto::as_bytes(message.x509_authorities(i).asn1()));
    if (!certificate)
      return certificate.status().prefixed("unable to parse root CA " + std::to_string(i));
    bundle.x509_authorities.push_back({*std::move(certificate), false});
  }
  for (const auto& key : message.jwt_authorities()) {
    bundle.jwt_authorities.push_back(
        {key.key_id(), crypto::to_bytes(key.public_key()), key.expires_at(), false});
  }
  bundle.sequence_number = message.sequence_number();
  bundle.refresh_hint = message.refresh_hint();
  SIGNET_TRY(std::string text, x509::write_bundle_json(bundle));
  if (bundle.empty()) text.replace(text.find("[]"), 2, "null");  // as the peer's list of none
  return text + "\n";
}

// Keys for another use than an SVID's are left out; one for an SVID that cannot be read is an
// error, since a bundle without it would refuse peers without a word.
Result<x509::Bundle> read_document(const TrustDomain& domain, const std::string& text) {
  SIGNET_TRY(nlohmann::json document, x509::parse_strict_json(text, x509::kMaxBundleJsonBytes));
  if (!document.is_object() || !document.contains("keys") || !document["keys"].is_array())
    return Status::invalid_argument("no authorities found");
  auto& keys = document["keys"];
  for (auto key = keys.begin(); key != keys.end();) {
    const auto use = key->is_object() ? key->value("use", nlohmann::json("")) : nlohmann::json("");
    key = use == "x509-svid" || use == "jwt-svid" ? key + 1 : keys.erase(key);
  }
  return x509::read_bundle_json(domain, document.dump(), x509::BundleReading::kStrict);
}

}  // namespace

Result<std::string> bundle_format(const std::string& flag) {
  if (flag.empty()) return std::string("pem");
  std::string low = flag;
  for (char& c : low) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  if (low == "pem" || low == "spiffe") return low;
  return Status::invalid_argument("invalid format: " + signet::cli::go_quote(low));
}

Result<std::string> bundle_text(const types::Bundle& bundle, const std::string& flag, bool header) {
  SIGNET_TRY(const std::string format, bundle_format(flag));
  const std::string box(40, '*');
  std::string text = header ? box + "\n* " + bundle.trust_domain() + "\n" + box + "\n" : "";
  SIGNET_TRY(const std::string body, format == "pem" ? pem_text(bundle) : document_text(bundle));
  return text + body;
}

Result<types::Bundle> read_bundle(const std::string& text, const std::string& format,
                                  const std::string& id) {
  types::Bundle message;
  if (format == "pem") {
    const auto certificates = x509::read_pem_certificates(text);
    if (!certificates) return certificates.status().prefixed("unable to parse bundle data");
    message.set_trust_domain(id);
    for (const auto& certificate : *certificates) {
      message.add_x509_authorities()->set_asn1(crypto::to_string(certificate.der()));
    }
    return message;
  }
  SIGNET_TRY(const TrustDomain domain, TrustDomain::parse_name_or_id(id));
  const auto bundle = read_document(domain, text);
  if (!bundle) return bundle.status().prefixed("unable to parse to spiffe bundle: spiffebundle");
  message.set_trust_domain(domain.name());
  for (const auto& authority : bundle->x509_authorities) {
    message.add_x509_authorities()->set_asn1(crypto::to_string(authority.certificate.der()));
  }
  for (const auto& authority : bundle->jwt_authorities) {
    auto* key = message.add_jwt_authorities();
    key->set_key_id(authority.key_id);
    key->set_public_key(crypto::to_string(authority.spki));
  }
  message.set_refresh_hint(bundle->refresh_hint);
  message.set_sequence_number(bundle->sequence_number);
  return message;
}

}  // namespace signet::server::cli
