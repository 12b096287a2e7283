#include "extensions.h"

#include <algorithm>

#include "oids.h"

namespace signet::x509 {

namespace {

namespace der = crypto::der;
using crypto::Hash;

std::optional<Hash> hash_of(ByteView oid) {
  if (crypto::equal(oid, oid::kSha256)) return Hash::kSha256;
  if (crypto::equal(oid, oid::kSha384)) return Hash::kSha384;
  if (crypto::equal(oid, oid::kSha512)) return Hash::kSha512;
  return std::nullopt;
}

// AlgorithmIdentifier of a hash: parameters NULL or absent (RFC 4055 2.1).
std::optional<Hash> read_hash(der::Reader algorithm) {
  const ByteView oid = algorithm.oid();
  if (algorithm.next_is(der::kNull) && !algorithm.expect(der::kNull).empty()) return std::nullopt;
  return algorithm.at_end() ? hash_of(oid) : std::nullopt;
}

// RSASSA-PSS-params (RFC 4055 3.1), only in the form that everyone uses: one hash for message and
// MGF1, salt as long as the hash.
std::optional<Hash> read_pss(der::Reader& algorithm) {
  der::Reader params = algorithm.sequence();
  der::Reader hash_tag = params.nested(der::context_constructed(0));
  const auto hash = read_hash(hash_tag.sequence());
  der::Reader mgf_tag = params.nested(der::context_constructed(1));
  der::Reader mgf = mgf_tag.sequence();
  const ByteView mgf_oid = mgf.oid();
  const auto mgf_hash = read_hash(mgf.sequence());
  der::Reader salt_tag = params.nested(der::context_constructed(2));
  const auto salt = salt_tag.small_integer();
  const bool good = hash && mgf_hash == hash && crypto::equal(mgf_oid, oid::kMgf1) && salt &&
                    *salt == crypto::digest_size(*hash) && params.at_end();
  return good ? hash : std::nullopt;
}

bool ia5(ByteView text) {
  return std::all_of(text.begin(), text.end(), [](std::uint8_t c) { return c != 0 && c < 0x80; });
}

}  // namespace

bool read_signature_algorithm(ByteView full, SignatureAlgorithm& out) {
  der::Reader top(full);
  der::Reader algorithm = top.sequence();
  const ByteView oid = algorithm.oid();
  if (!top.at_end() || !algorithm.ok()) return false;
  struct Known {
    ByteView oid;
    bool rsa;
    Hash hash;
  };
  static const Known kKnown[] = {
      {oid::kEcdsaSha256, false, Hash::kSha256}, {oid::kEcdsaSha384, false, Hash::kSha384},
      {oid::kEcdsaSha512, false, Hash::kSha512}, {oid::kRsaSha256, true, Hash::kSha256},
      {oid::kRsaSha384, true, Hash::kSha384},    {oid::kRsaSha512, true, Hash::kSha512},
  };
  for (const Known& known : kKnown) {
    if (!crypto::equal(known.oid, oid)) continue;
    // RFC 5758 3.2: ECDSA has no parameters; RFC 4055 5: RSA has NULL.
    if (known.rsa && algorithm.next_is(der::kNull) && !algorithm.expect(der::kNull).empty()) {
      return false;
    }
    if (!algorithm.at_end()) return false;
    out = {known.rsa, known.hash, crypto::RsaPadding::kPkcs1, true};
    return true;
  }
  out = {};
  out.supported = false;
  if (crypto::equal(oid, oid::kRsaPss)) {
    if (const auto hash = read_pss(algorithm); hash && algorithm.at_end()) {
      out = {true, *hash, crypto::RsaPadding::kPss, true};
    }
  }
  return true;
}

bool read_subject_alt_names(ByteView value, SubjectAltNames& out) {
  der::Reader top(value);
  der::Reader names = top.sequence();
  if (!top.at_end() || names.at_end()) return false;  // SIZE (1..MAX)
  while (names.ok() && !names.at_end()) {
    const auto name = names.any();
    if (!name) return false;
    switch (name->tag) {
      case der::context(1):
      case der::context(2):
      case der::context(6): {
        if (!ia5(name->value)) return false;
        std::vector<std::string>& list = name->tag == der::context(1)   ? out.emails
                                         : name->tag == der::context(2) ? out.dns_names
                                                                        : out.uris;
        list.push_back(crypto::to_string(name->value));
        break;
      }
      case der::context(7):
        if (name->value.size() != 4 && name->value.size() != 16) return false;
        out.ip_addresses.push_back(crypto::to_bytes(name->value));
        break;
      case der::context_constructed(0):
      case der::context_constructed(3):
      case der::context_constructed(4):
      case der::context_constructed(5):
      case der::context(8):
        out.has_other = true;
        break;
      default:
        return false;
    }
  }
  return names.ok();
}

Status check_signature(const crypto::PublicKey& key, const SignatureAlgorithm& algorithm,
                       ByteView message, ByteView signature) {
  if (!algorithm.supported) {
    return Status::invalid_argument("signature algorithm is not supported");
  }
  if (algorithm.rsa != crypto::is_rsa(key.type())) {
    return Status::invalid_argument("signature algorithm does not fit the key");
  }
  return key.verify(algorithm.hash, crypto::digest(algorithm.hash, message), signature,
                    algorithm.padding);
}

}  // namespace signet::x509
