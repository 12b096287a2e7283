#include "x509_kind.h"

#include <algorithm>

#include "crypto/encoding.h"

namespace signet::server {
namespace {

// A clock that was this much ahead does no harm worth a rotation: SVIDs are valid again before
// anybody renews them.
constexpr std::int64_t kToleratedAhead = 60;

std::vector<std::string> chain_of(const AuthorityJournal::Entry& entry) {
  return {entry.upstream_chain().begin(), entry.upstream_chain().end()};
}

// Not by key IDs: a CA of somebody else's need not name its signer's.
bool signed_by(const x509::Certificate& certificate, const std::string& root_der) {
  const auto root = x509::Certificate::parse(crypto::as_bytes(root_der));
  return root && std::ranges::equal(root->subject_raw(), certificate.issuer_raw()) &&
         root->public_key() && certificate.check_signature_from(*root->public_key()).ok();
}

// Hex key ID of the root above an upstream chain: as its last certificate names it, or, when that
// names none, as the one of `roots` (DER) that signed it does.
template <typename Chain>
std::string root_key_id(const Chain& chain, const std::vector<std::string>& roots) {
  if (chain.empty()) return {};
  const auto last = x509::Certificate::parse(crypto::as_bytes(*chain.rbegin()));
  if (!last) return {};
  if (!last->authority_key_id().empty()) return crypto::hex_encode(last->authority_key_id());
  const auto root = std::find_if(roots.begin(), roots.end(),
                                 [&](const std::string& der) { return signed_by(*last, der); });
  return root == roots.end() ? std::string() : subject_key_id_of(*root);
}

}  // namespace

std::string subject_key_id_of(const std::string& der) {
  const auto certificate = x509::Certificate::parse(crypto::as_bytes(der));
  return certificate ? crypto::hex_encode(certificate->subject_key_id()) : std::string();
}

X509Kind::X509Kind(AuthorityTools& tools, CaSource& source)
    : AuthorityKind(tools, {"X.509", "x509-CA-", "ca.manager.x509_ca.prepare",
                            "ca.manager.x509_ca.activate"}),
      source_(source) {}

Result<AuthorityKind::Made> X509Kind::make(Entry& entry,
                                           std::shared_ptr<const KeyManagerSigner> signer) {
  const x509::Time now = x509::from_unix(entry.issued_at());
  SIGNET_TRY(CaGrant grant, source_.issue(*signer, now));
  SIGNET_RETURN_IF_ERROR(
      x509::check_ca(grant.certificate, tools().config.trust_domain, signer->spki(), now));
  entry.set_not_after(x509::to_unix(grant.certificate.not_after()));
  entry.set_authority_id(crypto::hex_encode(grant.certificate.subject_key_id()));
  entry.set_certificate(crypto::to_string(grant.certificate.der()));
  for (const std::string& der : grant.upstream_chain) entry.add_upstream_chain(der);
  if (source_.upstream()) {
    entry.set_upstream_authority_id(root_key_id(grant.upstream_chain, grant.roots));
  }
  SIGNET_TRY(AuthorityPtr authority, restore(entry, std::move(signer)));
  return Made{std::move(authority),
              [roots = std::move(grant.roots)](Bundle& bundle) -> Result<bool> {
                bool added = false;
                for (const std::string& root : roots) {
                  const auto& known = bundle.x509_authorities();
                  if (std::any_of(known.begin(), known.end(),
                                  [&](const auto& a) { return a.asn1() == root; })) {
                    continue;
                  }
                  bundle.add_x509_authorities()->set_asn1(root);
                  added = true;
                }
                return added;
              }};
}

Result<AuthorityPtr> X509Kind::restore(const Entry& entry,
                                       std::shared_ptr<const KeyManagerSigner> signer) const {
  SIGNET_TRY(x509::Certificate certificate,
             x509::Certificate::parse(crypto::as_bytes(entry.certificate())));
  SIGNET_TRY(x509::SvidIssuer issuer, x509::SvidIssuer::make(certificate, std::move(signer)));
  return AuthorityPtr(
      std::make_shared<const X509Authority>(X509Authority{{entry.authority_id(), entry.not_after()},
                                                          std::move(certificate),
                                                          chain_of(entry),
                                                          entry.upstream_authority_id(),
                                                          std::move(issuer)}));
}

// One that an upstream signed is not in the bundle itself; its root has to be, or the upstream
// gives another one at the next preparation.
bool X509Kind::published(const Bundle& bundle, const Entry& entry) const {
  const auto& roots = bundle.x509_authorities();
  if (entry.upstream_chain().empty()) {
    return std::any_of(roots.begin(), roots.end(),
                       [&](const auto& a) { return a.asn1() == entry.certificate(); });
  }
  const auto last = x509::Certificate::parse(crypto::as_bytes(*entry.upstream_chain().rbegin()));
  return last && std::any_of(roots.begin(), roots.end(),
                             [&](const auto& a) { return signed_by(*last, a.asn1()); });
}

void X509Kind::complete(Entry& entry, const Bundle& bundle) const {
  if (entry.upstream_chain().empty() || !entry.upstream_authority_id().empty()) return;
  std::vector<std::string> roots;
  for (const auto& root : bundle.x509_authorities()) roots.push_back(root.asn1());
  entry.set_upstream_authority_id(root_key_id(entry.upstream_chain(), roots));
}

bool X509Kind::begins_later(const Slot& slot) const {
  const auto authority = std::static_pointer_cast<const X509Authority>(slot.authority);
  return authority &&
         x509::to_unix(authority->certificate.not_before()) > tools().now() + kToleratedAhead;
}

Result<bool> X509Kind::taint_in(Bundle& bundle, const std::string& authority_id) const {
  bool found = false;
  bool changed = false;
  for (auto& root : *bundle.mutable_x509_authorities()) {
    if (subject_key_id_of(root.asn1()) != authority_id) continue;
    found = true;
    changed |= !root.tainted();
    root.set_tainted(true);
  }
  if (!found) return Status::not_found("no ca found with provided subject key ID");
  if (!changed) return Status::failed_precondition("root CA is already tainted");
  return true;
}

Result<bool> X509Kind::revoke_in(Bundle& bundle, const std::string& authority_id) const {
  auto& roots = *bundle.mutable_x509_authorities();
  const auto of_this = [&](const auto& root) {
    return subject_key_id_of(root.asn1()) == authority_id;
  };
  if (std::none_of(roots.begin(), roots.end(), of_this)) {
    return Status::not_found("no root CA found with provided subject key ID");
  }
  if (std::any_of(roots.begin(), roots.end(),
                  [&](const auto& root) { return of_this(root) && !root.tainted(); })) {
    return Status::failed_precondition("it is not possible to revoke an untainted root CA");
  }
  roots.erase(std::remove_if(roots.begin(), roots.end(), of_this), roots.end());
  return true;
}

bool X509Kind::withdraw_from(Bundle& bundle, const Entry& entry) const {
  if (!entry.upstream_authority_id().empty()) return false;  // the root is others' too
  auto& roots = *bundle.mutable_x509_authorities();
  const auto kept = std::remove_if(roots.begin(), roots.end(), [&](const auto& root) {
    return root.asn1() == entry.certificate();
  });
  const bool found = kept != roots.end();
  roots.erase(kept, roots.end());
  return found;
}

}  // namespace signet::server
