#include "cli/federation_data.h"

#include <strings.h>

#include <nlohmann/json.hpp>

#include "signet/spiffe_id.h"

#include "cli/go_text.h"
#include "cli/print_bundle.h"

namespace signet::server::cli {
namespace {

using nlohmann::json;

namespace types = ::spire::api::types;

Status unparsed(const std::string& why) {
  return Status::invalid_argument("failed to parse JSON: " + why);
}

// Exactly so written, or else without regard to case; null counts as absent.
const json* member(const json& object, const char* name) {
  const json* found = nullptr;
  for (const auto& [key, value] : object.items()) {
    if (key == name) return value.is_null() ? nullptr : &value;
    if (strcasecmp(key.c_str(), name) == 0) found = &value;
  }
  return found != nullptr && found->is_null() ? nullptr : found;
}

Result<std::string> text(const json& object, const char* name) {
  const json* const value = member(object, name);
  if (value == nullptr) return std::string();
  if (!value->is_string()) return unparsed(std::string(name) + ": a string is expected");
  return value->get<std::string>();
}

Result<RelationshipWords> read_words(const json& object) {
  RelationshipWords words;
  SIGNET_TRY(words.trust_domain, text(object, "trustDomain"));
  SIGNET_TRY(words.url, text(object, "bundleEndpointURL"));
  SIGNET_TRY(words.profile, text(object, "bundleEndpointProfile"));
  SIGNET_TRY(words.endpoint_id, text(object, "endpointSPIFFEID"));
  SIGNET_TRY(words.bundle_format, text(object, "trustDomainBundleFormat"));
  return words;
}

// A bundle inside the document: a text that is PEM, or a SPIFFE document as it stands.
Status add_bundle(const json& object, RelationshipWords& words) {
  const json* const bundle = member(object, "trustDomainBundle");
  if (bundle == nullptr) return {};
  words.has_bundle = true;
  if (words.bundle_format == "pem") {
    if (!bundle->is_string()) {
      return Status::invalid_argument(
          "cannot parse bundle raw message: failed to unmarshal json: a string is expected");
    }
    words.bundle = bundle->get<std::string>();
  } else if (words.bundle_format == "spiffe") {
    words.bundle = bundle->dump();
  } else {
    return Status::invalid_argument("cannot parse bundle raw message: bundle format " +
                                    signet::cli::go_quote(words.bundle_format) + " is unsupported");
  }
  return {};
}

Result<types::FederationRelationship> read_item(const json& object) {
  SIGNET_TRY(RelationshipWords words, read_words(object));
  // Complaints come in the peer's order: the bundle's form last.
  SIGNET_RETURN_IF_ERROR(to_relationship(words, "").status());
  SIGNET_RETURN_IF_ERROR(add_bundle(object, words));
  return to_relationship(words, "cannot parse bundle raw message");
}

}  // namespace

Result<types::FederationRelationship> to_relationship(const RelationshipWords& words,
                                                      const std::string& bundle_problem) {
  const auto refuse = [](std::string why) { return Status::invalid_argument(std::move(why)); };
  if (words.trust_domain.empty()) return refuse("trust domain is required");
  if (words.url.empty()) return refuse("bundle endpoint URL is required");
  types::FederationRelationship relationship;
  relationship.set_trust_domain(words.trust_domain);
  relationship.set_bundle_endpoint_url(words.url);
  std::string bundle_domain = words.trust_domain;
  if (words.profile == "https_web") {
    relationship.mutable_https_web();
  } else if (words.profile == "https_spiffe") {
    if (words.endpoint_id.empty()) {
      return refuse("endpoint SPIFFE ID is required if 'https_spiffe' endpoint profile is set");
    }
    const auto id = SpiffeId::parse(words.endpoint_id);
    if (!id) return id.status().prefixed("cannot parse bundle endpoint SPIFFE ID");
    bundle_domain = id->trust_domain_name();
    relationship.mutable_https_spiffe()->set_endpoint_spiffe_id(words.endpoint_id);
  } else {
    return refuse("unknown bundle endpoint profile type: " + signet::cli::go_quote(words.profile));
  }
  if (!words.has_bundle) return relationship;
  auto bundle =
      read_bundle(words.bundle, words.bundle_format == "pem" ? "pem" : "spiffe", bundle_domain);
  if (!bundle) return bundle.status().prefixed(bundle_problem);
  *relationship.mutable_trust_domain_bundle() = *std::move(bundle);
  return relationship;
}

Result<std::vector<types::FederationRelationship>> read_relationships(std::string_view document) {
  json parsed;
  try {
    parsed = json::parse(document);
  } catch (const json::exception& e) {
    return unparsed(e.what());
  }
  if (!parsed.is_object()) return unparsed("the JSON is not an object");
  std::vector<types::FederationRelationship> out;
  const json* const list = member(parsed, "federationRelationships");
  if (list == nullptr) return out;
  if (!list->is_array()) return unparsed("federationRelationships: an array is expected");
  for (std::size_t n = 0; n < list->size(); ++n) {
    if (!list->at(n).is_object()) return unparsed("federationRelationships: objects are expected");
    auto item = read_item(list->at(n));
    if (!item) return item.status().prefixed("could not parse item " + std::to_string(n));
    out.push_back(*std::move(item));
  }
  return out;
}

}  // namespace signet::server::cli
