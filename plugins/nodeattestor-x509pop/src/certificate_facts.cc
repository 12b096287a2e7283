#include "certificate_facts.h"

#include <algorithm>

#include <arpa/inet.h>

#include "crypto/encoding.h"
#include "crypto/hash.h"

namespace signet::x509pop {
namespace {

using Json = nlohmann::json;

Json name_fields(crypto::ByteView der) {
  const auto parsed = x509::Name::parse(der);
  const x509::Name name = parsed ? *parsed : x509::Name();
  return {{"CommonName", name.common_name},
          {"SerialNumber", name.serial_number},
          {"Country", name.country},
          {"Organization", name.organization},
          {"OrganizationalUnit", name.organizational_unit},
          {"Locality", name.locality},
          {"Province", name.province},
          {"StreetAddress", name.street_address},
          {"PostalCode", name.postal_code}};
}

std::vector<std::string> ip_texts(const std::vector<crypto::Bytes>& addresses) {
  std::vector<std::string> out;
  for (const crypto::Bytes& address : addresses) {
    char text[INET6_ADDRSTRLEN] = {};
    const int family = address.size() == 4 ? AF_INET : AF_INET6;
    if (address.size() != 4 && address.size() != 16) continue;
    if (inet_ntop(family, address.data(), text, sizeof text) != nullptr) out.emplace_back(text);
  }
  return out;
}

}  // namespace

std::string fingerprint(const x509::Certificate& certificate) {
  return crypto::hex_encode(crypto::sha1(certificate.der()));
}

std::string serial_number_hex(const x509::Certificate& certificate) {
  return crypto::hex_encode(certificate.serial());
}

std::map<std::string, std::string> uri_san_selectors(const x509::Certificate& leaf,
                                                     std::string_view trust_domain) {
  std::map<std::string, std::string> out;
  const std::string prefix = "x509pop://" + std::string(trust_domain) + "/";
  for (const std::string& uri : leaf.uris()) {
    if (!uri.starts_with(prefix)) continue;
    const std::string_view rest = std::string_view(uri).substr(prefix.size());
    const std::size_t slash = rest.find('/');
    if (slash == 0 || slash == std::string_view::npos || slash + 1 == rest.size()) continue;
    out.emplace(rest.substr(0, slash), rest.substr(slash + 1));
  }
  return out;
}

std::vector<std::string> selectors(const std::vector<x509::Certificate>& path,
                                   std::string_view trust_domain) {
  const x509::Certificate& leaf = path.front();
  std::vector<std::string> out;
  const auto subject = x509::Name::parse(leaf.subject_raw());
  if (subject && !subject->common_name.empty()) out.push_back("subject:cn:" + subject->common_name);
  for (std::size_t n = 1; n < path.size(); ++n) {
    std::string selector = "ca:fingerprint:" + fingerprint(path[n]);
    // A self-signed leaf is its own root.
    if (path[n] == leaf || std::find(out.begin(), out.end(), selector) != out.end()) continue;
    out.push_back(std::move(selector));
  }
  out.push_back("serialnumber:" + serial_number_hex(leaf));
  for (const auto& [key, value] : uri_san_selectors(leaf, trust_domain)) {
    out.push_back("san:" + key + ":" + value);
  }
  return out;
}

Json template_data(const x509::Certificate& leaf, std::string_view plugin_name,
                   std::string_view trust_domain, std::string_view svid_path_trimmed) {
  return {{"PluginName", plugin_name},
          {"TrustDomain", trust_domain},
          {"Fingerprint", fingerprint(leaf)},
          {"SerialNumberHex", serial_number_hex(leaf)},
          {"SVIDPathTrimmed", svid_path_trimmed},
          {"URISanSelectors", uri_san_selectors(leaf, trust_domain)},
          {"Subject", name_fields(leaf.subject_raw())},
          {"Issuer", name_fields(leaf.issuer_raw())},
          {"SerialNumber", leaf.serial_decimal()},
          {"DNSNames", leaf.dns_names()},
          {"URIs", leaf.uris()},
          {"EmailAddresses", leaf.sans().emails},
          {"IPAddresses", ip_texts(leaf.sans().ip_addresses)}};
}

}  // namespace signet::x509pop
