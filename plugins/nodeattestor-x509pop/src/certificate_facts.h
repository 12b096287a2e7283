// What a verified leaf says: selectors, and the fields that path templates can name.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "x509/certificate.h"

namespace signet::x509pop {

/// Lower-case hex of the SHA-1 of the certificate's DER.
std::string fingerprint(const x509::Certificate& certificate);
/// Lower-case hex of the serial number, two digits for each byte.
std::string serial_number_hex(const x509::Certificate& certificate);
/// URI SANs x509pop://<trust domain>/<key>/<value> as key -> value; a value may contain slashes.
std::map<std::string, std::string> uri_san_selectors(const x509::Certificate& leaf,
                                                     std::string_view trust_domain);

/// path   the verified one, leaf first, root last
std::vector<std::string> selectors(const std::vector<x509::Certificate>& path,
                                   std::string_view trust_domain);

/// The fields of Go's x509.Certificate that name something, and SPIRE's own beside them.
nlohmann::json template_data(const x509::Certificate& leaf, std::string_view plugin_name,
                             std::string_view trust_domain, std::string_view svid_path_trimmed);

}  // namespace signet::x509pop
