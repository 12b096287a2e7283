// X509Kind: X.509 authorities. Their certificates come from a CaSource; in the bundle are the roots
// that it names.
#pragma once

#include "authority_kind.h"
#include "ca_source.h"

namespace signet::server {

class X509Kind final : public AuthorityKind {
 public:
  X509Kind(AuthorityTools& tools, CaSource& source);
  X509AuthorityPtr x509() const { return std::static_pointer_cast<const X509Authority>(signing()); }

 protected:
  crypto::KeyType key_type() const override { return tools().config.ca_key_type; }
  Entries& entries(Journal& journal) const override { return *journal.mutable_x509(); }
  Result<Made> make(Entry& entry, std::shared_ptr<const KeyManagerSigner> signer) override;
  Result<AuthorityPtr> restore(const Entry& entry,
                               std::shared_ptr<const KeyManagerSigner> signer) const override;
  bool published(const Bundle& bundle, const Entry& entry) const override;
  void complete(Entry& entry, const Bundle& bundle) const override;
  bool begins_later(const Slot& slot) const override;
  Result<bool> taint_in(Bundle& bundle, const std::string& authority_id) const override;
  Result<bool> revoke_in(Bundle& bundle, const std::string& authority_id) const override;
  bool withdraw_from(Bundle& bundle, const Entry& entry) const override;

 private:
  CaSource& source_;
};

/// Lower-case hex of the subject key ID of a certificate in DER; "" when it cannot be read.
std::string subject_key_id_of(const std::string& der);

}  // namespace signet::server
