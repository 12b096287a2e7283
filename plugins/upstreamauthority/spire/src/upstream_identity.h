// UpstreamIdentity: who we are to the upstream server, and how we know it.
//
// Our certificate is the X509-SVID that the Workload API gave; the upstream server must lead to an
// authority of the same answer's bundle and be called spiffe://<trust domain>/spire/server.
#pragma once

#include <mutex>

#include "signet/rpc/acceptor.h"

#include "workload_client/x509_context.h"

namespace signet::spire_upstream {

class UpstreamIdentity final : public RpcAcceptor {
 public:
  UpstreamIdentity(Host host, TrustDomain trust_domain)
      : host_(std::move(host)), trust_domain_(std::move(trust_domain)) {}

  void set(workload_client::X509ContextPtr context) {
    const std::lock_guard lock(mutex_);
    context_ = std::move(context);
  }
  /// Is there an SVID of our trust domain? Errors   kUnavailable, kFailedPrecondition
  Status ready() const { return svid().status(); }

  // RpcAcceptor
  Result<RpcIdentity> identity() override {
    SIGNET_TRY(const workload_client::X509ContextPtr context, svid());
    const workload_client::X509Svid& svid = context->default_svid();
    RpcIdentity out;
    for (const x509::Certificate& certificate : svid.chain) {
      out.chain.push_back(crypto::to_string(certificate.der()));
    }
    out.key = host_.secret(svid.private_key->text());
    return out;
  }
  Result<RpcVerdict> verify(const RpcPeer& peer) override {
    SIGNET_TRY(const workload_client::X509ContextPtr context, svid());
    const auto refuse = [](const std::string& why) {
      return Status::unavailable("the upstream server's certificate: " + why);
    };
    std::vector<x509::Certificate> chain;
    for (std::size_t n = 0; n < peer.chain_len; ++n) {
      auto certificate = x509::Certificate::parse(crypto::as_bytes(view(peer.chain[n])));
      if (!certificate) return refuse(certificate.status().message());
      chain.push_back(std::move(*certificate));
    }
    const x509::RootPool* roots = context->find_bundle(trust_domain_.name());
    if (roots == nullptr) return refuse("the Workload API gave no bundle to verify it by");
    auto verified =
        x509::verify_svid(chain, trust_domain_, *roots, {x509::from_unix(host_.unix_seconds())});
    if (!verified) return refuse(verified.status().message());
    const std::string expected = trust_domain_.id_string() + "/spire/server";
    if (verified->spiffe_id.to_string() != expected) {
      return refuse("it is \"" + verified->spiffe_id.to_string() + "\", not \"" + expected + "\"");
    }
    return RpcVerdict{expected, nullptr};
  }

 private:
  Result<workload_client::X509ContextPtr> svid() const {
    const std::lock_guard lock(mutex_);
    if (!context_ || context_->svids.empty()) {
      return Status::unavailable("no X509-SVID from the Workload API yet");
    }
    const SpiffeId& id = context_->default_svid().spiffe_id;
    if (!id.member_of(trust_domain_)) {
      return Status::failed_precondition("the Workload API gave \"" + id.to_string() +
                                         "\", which is not of this server's trust domain");
    }
    return context_;
  }

  const Host host_;
  const TrustDomain trust_domain_;
  mutable std::mutex mutex_;
  workload_client::X509ContextPtr context_;
};

}  // namespace signet::spire_upstream
