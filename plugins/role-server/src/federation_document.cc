#include "federation_document.h"

#include <set>

#include "x509/bundle_json.h"
#include "x509/strict_json.h"

namespace signet::server {

namespace types = ::spire::api::types;

Result<types::Bundle> read_federated_document(const TrustDomain& trust_domain,
                                              std::string_view document) {
  // Counted before any key is read: reading keys is what costs.
  std::size_t keys = 0;
  {
    SIGNET_TRY(const nlohmann::json parsed, x509::parse_strict_json(document, kMaxDocumentBytes));
    const auto list = parsed.is_object() ? parsed.find("keys") : parsed.end();
    if (!parsed.is_object() || list == parsed.end() || !list->is_array()) {
      return Status::invalid_argument("the document has no list of keys");
    }
    keys = list->size();
  }
  if (keys > kMaxDocumentKeys) {
    return Status::invalid_argument("the document has more than " +
                                    std::to_string(kMaxDocumentKeys) + " keys");
  }
  SIGNET_TRY(const x509::Bundle bundle,
             x509::read_bundle_json(trust_domain, document, x509::BundleReading::kTolerant));
  if (keys > 0 && bundle.x509_authorities.empty() && bundle.jwt_authorities.empty()) {
    return Status::invalid_argument("none of the document's keys can be used");
  }
  types::Bundle message;
  message.set_trust_domain(trust_domain.name());
  for (const x509::X509Authority& authority : bundle.x509_authorities) {
    message.add_x509_authorities()->set_asn1(crypto::to_string(authority.certificate.der()));
  }
  for (const x509::JwtAuthority& authority : bundle.jwt_authorities) {
    auto* key = message.add_jwt_authorities();
    key->set_key_id(authority.key_id);
    key->set_public_key(crypto::to_string(authority.spki));
  }
  message.set_sequence_number(bundle.sequence_number);
  message.set_refresh_hint(bundle.refresh_hint);
  return message;
}

bool same_authorities(const types::Bundle& a, const types::Bundle& b) {
  const auto set_of = [](const auto& list) {
    std::set<std::string> out;
    for (const auto& item : list) out.insert(item.SerializeAsString());
    return out;
  };
  return set_of(a.x509_authorities()) == set_of(b.x509_authorities()) &&
         set_of(a.jwt_authorities()) == set_of(b.jwt_authorities());
}

}  // namespace signet::server
