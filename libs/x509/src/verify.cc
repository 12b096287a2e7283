#include "x509/verify.h"

#include <algorithm>

namespace signet::x509 {

namespace {

// A forged chain must not buy more work than this many signature checks.
constexpr int kMaxSignatureChecks = 100;

Status refuse(const char* reason, std::string text) {
  return Status::invalid_argument(std::move(text)).with("reason", reason);
}

// "" when there is none: no constraint permits that.
std::string host_of(std::string_view uri) {
  const std::size_t begin = uri.find("://");
  if (begin == std::string_view::npos) return {};
  const std::string_view rest = uri.substr(begin + 3);
  const std::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
  if (authority.find('@') != std::string_view::npos) return {};
  return std::string(authority.substr(0, authority.find(':')));
}

// Depth-first search for a path from the leaf to a root, RFC 5280 6.1 applied on the way.
class PathFinder {
 public:
  PathFinder(const std::vector<Certificate>& chain, const std::vector<Certificate>& roots, Time now,
             std::string_view trust_domain)
      : chain_(chain), roots_(roots), now_(now), trust_domain_(trust_domain) {}

  Result<std::vector<Certificate>> find() {
    if (Status status = check_any(chain_[0]); !status.ok()) return status;
    path_ = {chain_[0]};
    if (extend(0)) return std::move(path_);
    if (!worst_.ok()) return worst_;
    return refuse("unknown_authority", "certificate signed by unknown authority");
  }

 private:
  // What holds for every certificate of a path.
  Status check_any(const Certificate& certificate) const {
    if (now_ < certificate.not_before()) return refuse("expired", "certificate is not valid yet");
    if (now_ > certificate.not_after()) return refuse("expired", "certificate has expired");
    if (!certificate.unhandled_critical_extensions().empty()) {
      return refuse("path", "certificate has an unknown critical extension " +
                                certificate.unhandled_critical_extensions()[0]);
    }
    return {};
  }

  // What holds for a certificate that signs the next one. `below` counts the intermediates under
  // it that are not self-issued.
  Status check_issuer(const Certificate& issuer, unsigned below, bool is_root) const {
    SIGNET_RETURN_IF_ERROR(check_any(issuer));
    if (!issuer.is_ca()) return refuse("path", "signing certificate is not a CA");
    if (issuer.key_usage() && (*issuer.key_usage() & kKeyCertSign) == 0) {
      return refuse("path", "signing certificate lacks key usage keyCertSign");
    }
    const auto& limit = issuer.basic_constraints()->path_length;
    if (limit && below > *limit) return refuse("path", "path length constraint is exceeded");
    // Not processed here; ignoring a constraint would widen what it narrows.
    if (issuer.has_name_constraints()) {
      return refuse("path", "name constraints are not supported");
    }
    SIGNET_RETURN_IF_ERROR(check_permitted_hosts(issuer));
    return check_spiffe_issuer(issuer, is_root);
  }

  // RFC 5280 4.2.1.10, for all that lies below the issuer on this path.
  Status check_permitted_hosts(const Certificate& issuer) const {
    const auto& permitted = issuer.permitted_uri_hosts();
    if (permitted.empty()) return {};
    for (const Certificate& below : path_) {
      for (const std::string& uri : below.uris()) {
        const std::string host = host_of(uri);
        if (std::find(permitted.begin(), permitted.end(), host) == permitted.end()) {
          return refuse("path", "URI SAN is outside the name constraints of its issuer");
        }
      }
    }
    return {};
  }

  // X509-SVID 3.2, 4.1: a signing certificate's SPIFFE ID has no path; an intermediate that names
  // another trust domain does not sign for this one.
  Status check_spiffe_issuer(const Certificate& issuer, bool is_root) const {
    if (trust_domain_.empty()) return {};
    const std::string own = "spiffe://" + std::string(trust_domain_);
    for (const std::string& uri : issuer.uris()) {
      if (!uri.starts_with("spiffe://")) continue;
      if (uri.find('/', 9) != std::string::npos) {
        return refuse("path", "signing certificate's SPIFFE ID has a path");
      }
      if (!is_root && uri != own) {
        return refuse("path", "signing certificate is of another trust domain");
      }
    }
    return {};
  }

  // Candidates whose subject is the issuer, those with the right key identifier first.
  static std::vector<const Certificate*> candidates(const Certificate& current,
                                                    const std::vector<Certificate>& from,
                                                    std::size_t first) {
    std::vector<const Certificate*> found;
    for (std::size_t i = first; i < from.size(); ++i) {
      if (crypto::equal(from[i].subject_raw(), current.issuer_raw())) found.push_back(&from[i]);
    }
    std::stable_partition(found.begin(), found.end(), [&](const Certificate* c) {
      return crypto::equal(c->subject_key_id(), current.authority_key_id());
    });
    return found;
  }

  bool signed_by(const Certificate& current, const Certificate& issuer) {
    if (++checks_ > kMaxSignatureChecks || !issuer.public_key()) return false;
    return current.check_signature_from(*issuer.public_key()).ok();
  }

  bool extend(unsigned below) {
    const Certificate current = path_.back();
    for (const Certificate* root : candidates(current, roots_, 0)) {
      if (!signed_by(current, *root)) continue;
      if (!note(check_issuer(*root, below, true))) continue;
      path_.push_back(*root);
      return true;
    }
    if (path_.size() >= kMaxChainLength) return false;
    for (const Certificate* next : candidates(current, chain_, 1)) {
      const bool used =
          std::any_of(path_.begin(), path_.end(), [&](const Certificate& c) { return c == *next; });
      if (used || !signed_by(current, *next)) continue;
      if (!note(check_issuer(*next, below, false))) continue;
      path_.push_back(*next);
      if (extend(below + (next->self_issued() ? 0 : 1))) return true;
      path_.pop_back();
    }
    return false;
  }

  // Keeps the first refusal, to tell "no path" from "a path that is not good".
  bool note(const Status& status) {
    if (!status.ok() && worst_.ok()) worst_ = status;
    return status.ok();
  }

  const std::vector<Certificate>& chain_;
  const std::vector<Certificate>& roots_;
  const Time now_;
  const std::string_view trust_domain_;
  std::vector<Certificate> path_;
  Status worst_;
  int checks_ = 0;
};

Status check_size(const std::vector<Certificate>& chain) {
  if (chain.empty()) return refuse("chain", "certificate chain is empty");
  if (chain.size() > kMaxChainLength) {
    return refuse("chain", "certificate chain has more than 10 certificates");
  }
  std::size_t size = 0;
  for (const Certificate& certificate : chain) size += certificate.der().size();
  if (size > kMaxCertificateBytes) {
    return refuse("chain", "certificate chain is larger than 100 KiB");
  }
  return {};
}

}  // namespace

RootPool::RootPool(const std::vector<Certificate>& roots)
    : roots_(std::make_shared<const std::vector<Certificate>>(roots)) {}

RootPool::RootPool(const Bundle& bundle) : RootPool(bundle.certificates()) {}

const std::vector<Certificate>& RootPool::roots() const {
  static const std::vector<Certificate> kNone;
  return roots_ ? *roots_ : kNone;
}

Result<SpiffeId> check_svid_leaf(const Certificate& leaf) {
  const auto broken = [](std::string text) { return refuse("leaf", std::move(text)); };
  auto id = leaf.spiffe_id();
  if (!id) return broken(id.status().message());
  // X509-SVID 5.2: a leaf's ID has a path; a leaf is no CA and cannot sign certificates or CRLs.
  if (id->path().empty()) return broken("leaf certificate's SPIFFE ID has no path");
  if (leaf.is_ca()) return broken("leaf certificate with CA flag set to true");
  // X509-SVID 4.3: key usage is there, critical, with digitalSignature.
  if (!leaf.key_usage()) return broken("leaf certificate has no key usage");
  const std::uint16_t usage = *leaf.key_usage();
  if ((usage & kKeyCertSign) != 0) {
    return broken("leaf certificate with KeyCertSign key usage");
  }
  if ((usage & kCrlSign) != 0) return broken("leaf certificate with KeyCrlSign key usage");
  if (!leaf.key_usage_critical()) return broken("leaf certificate's key usage is not critical");
  if ((usage & kDigitalSignature) == 0) {
    return broken("leaf certificate lacks key usage digitalSignature");
  }
  // X509-SVID 4.4: both, when the extension is there at all.
  if (leaf.has_ext_key_usage() && !(leaf.allows_server_auth() && leaf.allows_client_auth())) {
    return broken("leaf certificate's extended key usage lacks serverAuth or clientAuth");
  }
  return id;
}

Result<std::vector<Certificate>> verify_path(const std::vector<Certificate>& chain,
                                             const RootPool& roots, const VerifyOptions& options) {
  SIGNET_RETURN_IF_ERROR(check_size(chain));
  return PathFinder(chain, roots.roots(), options.now, "").find();
}

Result<VerifiedSvid> verify_svid(const std::vector<Certificate>& chain, const RootLookup& roots,
                                 const VerifyOptions& options) {
  SIGNET_RETURN_IF_ERROR(check_size(chain));
  SIGNET_TRY(SpiffeId id, check_svid_leaf(chain[0]));
  // X509-SVID 5, Trust Domain and Bundle 3: only the bundle of the leaf's own trust domain counts,
  // and an empty one trusts nothing.
  const RootPool* pool = roots(id.trust_domain_name());
  if (pool == nullptr || pool->empty()) {
    return refuse("unknown_trust_domain", "no X.509 bundle found for trust domain \"" +
                                              std::string(id.trust_domain_name()) + "\"");
  }
  SIGNET_TRY(std::vector<Certificate> path,
             PathFinder(chain, pool->roots(), options.now, id.trust_domain_name()).find());
  return VerifiedSvid{std::move(id), std::move(path)};
}

Result<VerifiedSvid> verify_svid(const std::vector<Certificate>& chain, const TrustDomain& domain,
                                 const RootPool& roots, const VerifyOptions& options) {
  return verify_svid(
      chain, [&](std::string_view name) { return name == domain.name() ? &roots : nullptr; },
      options);
}

bool is_unknown_authority(const Status& status) {
  const auto& fields = status.fields();
  return std::any_of(fields.begin(), fields.end(), [](const auto& field) {
    return field.first == "reason" && field.second == "unknown_authority";
  });
}

Result<SvidWithKey> parse_svid(ByteView chain_der, ByteView pkcs8_der) {
  if (chain_der.size() > kMaxCertificateBytes) {
    return refuse("chain", "certificate chain is larger than 100 KiB");
  }
  SIGNET_TRY(std::vector<Certificate> chain,
             Certificate::parse_concatenated(chain_der, kMaxChainLength));
  if (chain.empty()) return refuse("chain", "certificate chain is empty");
  SIGNET_TRY(SpiffeId id, check_svid_leaf(chain[0]));
  SIGNET_TRY(crypto::PrivateKey key, crypto::PrivateKey::from_pkcs8_der(pkcs8_der));
  if (!crypto::equal(key.public_key().spki(), chain[0].spki())) {
    return refuse("leaf", "private key does not match the leaf certificate");
  }
  return SvidWithKey{std::move(id), std::move(chain), std::move(key)};
}

}  // namespace signet::x509
