#include "x509/name.h"

#include <algorithm>

#include "signet/utf8.h"

#include "crypto/der_writer.h"
#include "name_check.h"
#include "oids.h"

namespace signet::x509 {

namespace {

namespace der = crypto::der;

// A value as UTF-8; nothing for a string type that names do not use.
std::optional<std::string> value_text(const der::Element& value) {
  switch (value.tag) {
    case der::kUtf8String:
      if (!is_utf8(crypto::as_text(value.value))) return std::nullopt;
      return crypto::to_string(value.value);
    case der::kPrintableString:
    case der::kIa5String:
    case der::kT61String:
    case 0x12:  // NumericString
      return crypto::to_string(value.value);
    case der::kBmpString: {
      if (value.value.size() % 2 != 0) return std::nullopt;
      std::string text;
      for (std::size_t i = 0; i < value.value.size(); i += 2) {
        const unsigned c = value.value[i] << 8 | value.value[i + 1];
        if (c >= 0xd800 && c < 0xe000) return std::nullopt;  // BMP has no surrogates
        if (c < 0x80) {
          text.push_back(static_cast<char>(c));
        } else if (c < 0x800) {
          text.push_back(static_cast<char>(0xc0 | c >> 6));
          text.push_back(static_cast<char>(0x80 | (c & 0x3f)));
        } else {
          text.push_back(static_cast<char>(0xe0 | c >> 12));
          text.push_back(static_cast<char>(0x80 | (c >> 6 & 0x3f)));
          text.push_back(static_cast<char>(0x80 | (c & 0x3f)));
        }
      }
      return text;
    }
    default:
      return std::nullopt;
  }
}

// Calls visit(oid, value, whether an RDN begins) for each attribute; false when the bytes are not a
// Name.
template <typename Visit>
bool walk(ByteView name, Visit visit) {
  der::Reader top(name);
  der::Reader rdns = top.sequence();
  if (!top.at_end()) return false;
  while (rdns.ok() && !rdns.at_end()) {
    der::Reader rdn = rdns.set();
    if (!rdn.ok() || rdn.at_end()) return false;  // SET SIZE (1..MAX)
    for (bool begins = true; rdn.ok() && !rdn.at_end(); begins = false) {
      der::Reader attribute = rdn.sequence();
      const ByteView oid = attribute.oid();
      const auto value = attribute.any();
      if (!value || !attribute.at_end()) return false;
      visit(oid, *value, begins);
    }
    if (!rdn.ok()) return false;
  }
  return rdns.ok();
}

// The characters of PrintableString (X.680 41.4).
bool printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view(" '()+,-./:=?").find(c) != std::string_view::npos;
  });
}

// RFC 4514 2.4.
std::string escaped(std::string_view value) {
  std::string out;
  for (std::size_t i = 0; i < value.size(); ++i) {
    const bool special = std::string_view(",+\"\\<>;").find(value[i]) != std::string_view::npos;
    const bool at_an_end = value[i] == ' ' && (i == 0 || i + 1 == value.size());
    if (special || at_an_end || (value[i] == '#' && i == 0)) out += '\\';
    out += value[i];
  }
  return out;
}

void put_rdn(der::Writer& out, ByteView oid, const std::vector<std::string>& values) {
  if (values.empty()) return;
  std::vector<Bytes> attributes;
  for (const std::string& value : values) {
    der::Writer attribute;
    attribute.sequence([&] {
      attribute.oid(oid);
      attribute.text(printable(value) ? der::kPrintableString : der::kUtf8String, value);
    });
    attributes.push_back(std::move(attribute).take());
  }
  std::sort(attributes.begin(), attributes.end());  // X.690 11.6: SET OF in ascending order
  out.set([&] {
    for (const Bytes& attribute : attributes) out.raw(attribute);
  });
}

}  // namespace

bool is_name(ByteView der) {
  bool strings = true;
  const bool good = walk(der, [&](ByteView, const der::Element& value, bool) {
    constexpr std::uint8_t kUniversalString = 0x1c;
    strings = strings && (value.tag == kUniversalString ? value.value.size() % 4 == 0
                                                        : value_text(value).has_value());
  });
  return good && strings;
}

Result<Name> Name::parse(ByteView der) {
  Name name;
  bool readable = true;
  const bool good = walk(der, [&](ByteView oid, const der::Element& element, bool) {
    const auto text = value_text(element);
    const auto is = [&](ByteView known) { return crypto::equal(oid, known); };
    std::vector<std::string>* list = is(oid::kCountry)              ? &name.country
                                     : is(oid::kOrganization)       ? &name.organization
                                     : is(oid::kOrganizationalUnit) ? &name.organizational_unit
                                     : is(oid::kLocality)           ? &name.locality
                                     : is(oid::kProvince)           ? &name.province
                                     : is(oid::kStreetAddress)      ? &name.street_address
                                     : is(oid::kPostalCode)         ? &name.postal_code
                                                                    : nullptr;
    std::string* single = is(oid::kCommonName)        ? &name.common_name
                          : is(oid::kSerialNumberRdn) ? &name.serial_number
                                                      : nullptr;
    if (list == nullptr && single == nullptr) return;
    if (!text) {
      readable = false;
    } else if (list != nullptr) {
      list->push_back(*text);
    } else {
      *single = *text;
    }
  });
  if (!good || !readable) return Status::invalid_argument("distinguished name is malformed");
  return name;
}

Bytes Name::encode() const {
  der::Writer out(128);
  const auto single = [](const std::string& value) {
    return value.empty() ? std::vector<std::string>() : std::vector<std::string>{value};
  };
  out.sequence([&] {
    put_rdn(out, oid::kCountry, country);
    put_rdn(out, oid::kProvince, province);
    put_rdn(out, oid::kLocality, locality);
    put_rdn(out, oid::kStreetAddress, street_address);
    put_rdn(out, oid::kPostalCode, postal_code);
    put_rdn(out, oid::kOrganization, organization);
    put_rdn(out, oid::kOrganizationalUnit, organizational_unit);
    put_rdn(out, oid::kCommonName, single(common_name));
    put_rdn(out, oid::kSerialNumberRdn, single(serial_number));
    for (const auto& [oid, value] : extra) put_rdn(out, oid, {value});
  });
  return std::move(out).take();
}

bool Name::empty() const { return *this == Name(); }

std::string name_to_text(ByteView der) {
  struct Short {
    ByteView oid;
    std::string_view name;
  };
  static const Short kShort[] = {
      {oid::kCountry, "C"},
      {oid::kOrganization, "O"},
      {oid::kOrganizationalUnit, "OU"},
      {oid::kLocality, "L"},
      {oid::kProvince, "ST"},
      {oid::kStreetAddress, "STREET"},
      {oid::kPostalCode, "POSTALCODE"},
      {oid::kCommonName, "CN"},
      {oid::kSerialNumberRdn, "SERIALNUMBER"},
  };
  std::vector<std::string> rdns;
  walk(der, [&](ByteView oid, const der::Element& element, bool begins) {
    if (begins) {
      rdns.emplace_back();
    } else {
      rdns.back() += '+';
    }
    const auto* known = std::find_if(std::begin(kShort), std::end(kShort),
                                     [&](const Short& s) { return crypto::equal(s.oid, oid); });
    rdns.back() += known != std::end(kShort) ? std::string(known->name) : oid_to_text(oid);
    rdns.back() += '=';
    rdns.back() += escaped(value_text(element).value_or("?"));
  });
  std::string text;
  for (auto rdn = rdns.rbegin(); rdn != rdns.rend(); ++rdn) {
    if (!text.empty()) text += ',';
    text += *rdn;
  }
  return text;
}

Result<Bytes> oid_from_text(std::string_view dotted) {
  const Status bad = Status::invalid_argument("\"" + std::string(dotted) + "\" is not an OID");
  std::vector<std::uint64_t> arcs;
  std::uint64_t arc = 0;
  bool digits = false;
  for (char c : std::string(dotted) + '.') {
    if (c == '.') {
      if (!digits) return bad;
      arcs.push_back(arc);
      arc = 0;
      digits = false;
    } else if (c >= '0' && c <= '9' && arc < (std::uint64_t{1} << 56)) {
      if (digits && arc == 0) return bad;  // a leading zero
      arc = arc * 10 + static_cast<std::uint64_t>(c - '0');
      digits = true;
    } else {
      return bad;
    }
  }
  if (arcs.size() < 2 || arcs[0] > 2 || (arcs[0] < 2 && arcs[1] > 39)) return bad;
  arcs[1] += arcs[0] * 40;
  Bytes contents;
  for (std::size_t i = 1; i < arcs.size(); ++i) {
    int groups = 1;
    while (groups < 9 && arcs[i] >> (7 * groups) != 0) ++groups;
    for (int g = groups - 1; g >= 0; --g) {
      contents.push_back(
          static_cast<std::uint8_t>((arcs[i] >> (7 * g) & 0x7f) | (g == 0 ? 0 : 0x80)));
    }
  }
  return contents;
}

std::string oid_to_text(ByteView contents) {
  std::string text;
  std::uint64_t arc = 0;
  for (std::uint8_t byte : contents) {
    arc = arc << 7 | (byte & 0x7f);
    if ((byte & 0x80) != 0) continue;
    if (text.empty()) {
      const std::uint64_t first = arc < 80 ? arc / 40 : 2;
      text = std::to_string(first) + '.' + std::to_string(arc - first * 40);
    } else {
      text += '.' + std::to_string(arc);
    }
    arc = 0;
  }
  return text;
}

}  // namespace signet::x509
