// Name: a distinguished name as the fields people set, written the way Go's crypto/x509 writes
// it, since that is what existing SVIDs look like.
#pragma once

#include "signet/status.h"

#include "crypto/bytes.h"

namespace signet::x509 {

using crypto::Bytes;
using crypto::ByteView;

struct Name {
  // One RDN per field, all its values in one SET, in this order.
  std::vector<std::string> country;
  std::vector<std::string> province;
  std::vector<std::string> locality;
  std::vector<std::string> street_address;
  std::vector<std::string> postal_code;
  std::vector<std::string> organization;
  std::vector<std::string> organizational_unit;
  std::string common_name;
  std::string serial_number;
  // Further RDNs of one attribute each: (OID contents in DER, UTF-8 value).
  std::vector<std::pair<Bytes, std::string>> extra;

  static Name country_organization(std::string c, std::string o) {
    Name name;
    name.country = {std::move(c)};
    name.organization = {std::move(o)};
    return name;
  }
  static Name spire() { return country_organization("US", "SPIRE"); }    // SVIDs
  static Name spiffe() { return country_organization("US", "SPIFFE"); }  // authorities

  /// Reads a DER Name; attributes other than the fields above are left out.
  static Result<Name> parse(ByteView der);
  /// PrintableString where the characters allow it, else UTF8String.
  Bytes encode() const;
  bool empty() const;
  bool operator==(const Name&) const = default;
};

/// "CN=x,O=SPIRE,C=US": RFC 4514 with the type names of Go; unknown attributes appear by OID.
std::string name_to_text(ByteView der);
/// The contents of an OID in DER for "2.5.4.45"; nothing when it is not one.
Result<Bytes> oid_from_text(std::string_view dotted);
std::string oid_to_text(ByteView contents);

}  // namespace signet::x509
