// Whose client certificate is believed: SPIFFE X509-SVID validation against the bundle of the ID's
// own trust domain, and nobody else's.
#include "authorizer_rig.h"
#include "crypto/key.h"
#include "trust_bundles.h"
#include "x509/ca.h"
#include "x509/svid_issuer.h"

namespace signet::server {
namespace {

// An authority that signs what it is asked to.
struct Authority {
  Authority(const std::string& name, std::int64_t now)
      : signer(std::make_shared<crypto::PrivateKeySigner>(
            crypto::PrivateKey::generate(crypto::KeyType::kEcP256).value())),
        certificate(root(name, now, *signer)) {}

  static x509::Certificate root(const std::string& name, std::int64_t now,
                                const crypto::PrivateKeySigner& signer) {
    x509::CaParams params;
    params.now = x509::from_unix(now);
    params.ttl = std::chrono::hours(24);
    return x509::self_sign_ca(*TrustDomain::parse(name), params, signer).value();
  }
  std::string issue(const std::string& id, std::int64_t now, std::chrono::seconds ttl) const {
    const auto key = crypto::PrivateKey::generate(crypto::KeyType::kEcP256).value();
    const crypto::Bytes spki = key.public_key().spki();
    x509::SvidParams params;
    params.spiffe_id = id;
    params.spki = spki;
    params.now = x509::from_unix(now);
    params.ttl = ttl;
    const auto issuer = x509::SvidIssuer::make(certificate, signer).value();
    return crypto::to_string(issuer.issue(params).value().der);
  }

  std::shared_ptr<crypto::PrivateKeySigner> signer;
  x509::Certificate certificate;
};

class AuthorizerPeer : public AuthorizerTest {
 protected:
  AuthorizerPeer()
      : ours_("example.org", host_.now()),
        other_("other.org", host_.now()),
        bundles_(host_.host(), store_, *changes_, *TrustDomain::parse("example.org")) {
    context_.bundles = &bundles_;
    know("example.org", ours_);
  }
  void know(const std::string& name, const Authority& authority) {
    spire::api::types::Bundle bundle;
    bundle.set_trust_domain(name);
    bundle.add_x509_authorities()->set_asn1(crypto::to_string(authority.certificate.der()));
    Record record = bundle_to_record(bundle);
    record.revision = ++revision_;
    bundles_.apply(record);
  }
  /// The ID that is believed, or the refusal's words.
  std::string peer(const std::vector<std::string>& chain) {
    std::vector<signet_bytes> spans;
    for (const std::string& der : chain) spans.push_back(bytes_to_abi(der));
    RpcPeer peer{};
    peer.chain = spans.data();
    peer.chain_len = spans.size();
    const auto identity = authorizer_->verify_peer(peer);
    if (!identity) return identity.status().message();
    return *identity ? (*identity)->spiffe_id.to_string() : "";
  }
  std::string svid(const Authority& authority, const std::string& id,
                   std::chrono::seconds ttl = std::chrono::hours(1)) {
    return authority.issue(id, host_.now(), ttl);
  }

  Authority ours_;
  Authority other_;
  TrustBundles bundles_;
  std::uint64_t revision_ = 0;
  std::optional<Authorizer> authorizer_{std::in_place, context_};
};

TEST_F(AuthorizerPeer, AnSvidOfOursIsBelieved) {
  EXPECT_EQ(peer({svid(ours_, kWorkloadId)}), kWorkloadId);
}

TEST_F(AuthorizerPeer, NobodyElseSpeaksForOurTrustDomain) {
  const Authority impostor("example.org", host_.now());
  EXPECT_NE(peer({svid(impostor, kWorkloadId)}), kWorkloadId) << "our name, another key";
  EXPECT_NE(peer({svid(impostor, kWorkloadId), crypto::to_string(impostor.certificate.der())}),
            kWorkloadId)
      << "and its root with it";
  know("other.org", other_);
  EXPECT_NE(peer({svid(other_, kWorkloadId)}), kWorkloadId) << "a domain we know, another's ID";
}

TEST_F(AuthorizerPeer, AnExpiredOneIsNotBelieved) {
  const std::string der = svid(ours_, kWorkloadId, std::chrono::minutes(1));
  EXPECT_EQ(peer({der}), kWorkloadId);
  host_.advance(61);
  EXPECT_NE(peer({der}), kWorkloadId);
}

TEST_F(AuthorizerPeer, OfOtherDomainsOnlyAdminIdsAreHeardAndOnlyWithTheirBundle) {
  EXPECT_EQ(peer({svid(other_, kAdminId)}), "no bundle for the client's trust domain");
  know("other.org", other_);
  EXPECT_EQ(peer({svid(other_, kAdminId)}), kAdminId);
  EXPECT_NE(peer({svid(ours_, kAdminId)}), kAdminId) << "our authority, their ID";
  EXPECT_EQ(peer({svid(other_, "spiffe://other.org/someone")}),
            "client certificate's SPIFFE ID is neither of this trust domain nor one of admin_ids");
}

TEST_F(AuthorizerPeer, WhatIsNoSvidIsRefused) {
  EXPECT_NE(peer({"nonsense"}), "");
  EXPECT_NE(peer({crypto::to_string(ours_.certificate.der())}), "") << "an authority is no leaf";
  const std::vector<std::string> many(x509::kMaxChainLength + 1, svid(ours_, kWorkloadId));
  EXPECT_EQ(peer(many), "client certificate chain is too long");
}

}  // namespace
}  // namespace signet::server
